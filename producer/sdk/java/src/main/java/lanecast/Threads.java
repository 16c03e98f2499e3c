package lanecast;

/** What is the same for all threads here. */
final class Threads {
    private Threads() {}

    /** Waits for the thread's end, whoever interrupts us; the interruption is passed on afterwards. */
    static void join(Thread thread) {
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException late) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
