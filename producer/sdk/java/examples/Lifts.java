import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import lanecast.Frame;
import lanecast.Param;
import lanecast.Run;
import lanecast.Scene;

/** People and lifts in an office tower: everybody comes, wants to another floor, and waits. */
public final class Lifts {
    private static final int FLOORS = 16;
    private static final int LIFTS = 4;
    private static final double FLOOR_M = 4;
    private static final double SHAFT_M = 6;
    private static final double DT_S = 0.2;

    private static final class Person {
        final int id;
        final int to;
        final double since;

        Person(int id, int to, double since) {
            this.id = id;
            this.to = to;
            this.since = since;
        }
    }

    private static final class Lift {
        double floor;
        int direction = 1;
        double doorsS;
        final List<Person> riders = new ArrayList<>();
    }

    private final Random random = new Random(7);
    private final List<List<Person>> waiting = new ArrayList<>();
    private final List<Lift> lifts = new ArrayList<>();
    private int born;
    private int arrived;
    private double waitedS;

    private Lifts() {
        for (int floor = 0; floor < FLOORS; floor++) {
            waiting.add(new ArrayList<>());
        }
        for (int lift = 0; lift < LIFTS; lift++) {
            lifts.add(new Lift());
            lifts.get(lift).floor = lift * FLOORS / LIFTS;
        }
    }

    private void step(double timeS, double perMinute, double speed, long capacity, String pattern) {
        if (random.nextDouble() < perMinute / 60 * DT_S) {
            int above = 1 + random.nextInt(FLOORS - 1);
            int from = pattern.equals("morning") ? 0 : pattern.equals("evening") ? above : random.nextInt(FLOORS);
            int to = pattern.equals("morning") ? above : pattern.equals("evening") ? 0 : (from + above) % FLOORS;
            waiting.get(from).add(new Person(++born, to, timeS));
        }
        for (Lift lift : lifts) {
            if (lift.doorsS > 0) {
                lift.doorsS -= DT_S;
                continue;
            }
            double next = lift.floor + lift.direction * speed / FLOOR_M * DT_S;
            int floor = (int) (lift.direction > 0 ? Math.floor(next) : Math.ceil(next));
            boolean reached = floor != (int) (lift.direction > 0 ? Math.floor(lift.floor) : Math.ceil(lift.floor));
            lift.floor = Math.max(0, Math.min(FLOORS - 1, next));
            if (reached && floor >= 0 && floor < FLOORS) {
                serve(lift, floor, timeS, capacity);
            }
            if (lift.floor <= 0 || lift.floor >= FLOORS - 1) {
                lift.direction = lift.floor <= 0 ? 1 : -1;
                serve(lift, (int) Math.round(lift.floor), timeS, capacity);
            }
        }
    }

    private void serve(Lift lift, int floor, double timeS, long capacity) {
        int before = lift.riders.size();
        lift.riders.removeIf(rider -> rider.to == floor);
        int left = before - lift.riders.size();
        arrived += left;
        boolean boarded = false;
        for (var queue = waiting.get(floor).iterator(); queue.hasNext() && lift.riders.size() < capacity; ) {
            Person person = queue.next();
            if (Integer.signum(person.to - floor) == lift.direction) {
                waitedS = 0.95 * waitedS + 0.05 * (timeS - person.since);
                lift.riders.add(person);
                queue.remove();
                boarded = true;
            }
        }
        if (left > 0 || boarded) {
            lift.floor = floor;
            lift.doorsS = 2;
        }
    }

    private Frame frame(long step) {
        int n = lifts.stream().mapToInt(lift -> lift.riders.size()).sum() + waiting.stream().mapToInt(List::size).sum();
        int[] ids = new int[n];
        float[] x = new float[n];
        float[] y = new float[n];
        String[] type = new String[n];
        int i = 0;
        for (int floor = 0; floor < FLOORS; floor++) {
            for (int place = 0; place < waiting.get(floor).size(); place++, i++) {
                ids[i] = waiting.get(floor).get(place).id;
                x[i] = -2 - 1.2f * place;
                y[i] = (float) (floor * FLOOR_M);
                type[i] = "waiting";
            }
        }
        float[] liftX = new float[LIFTS];
        float[] liftY = new float[LIFTS];
        int[] riders = new int[LIFTS];
        for (int lift = 0; lift < LIFTS; lift++) {
            Lift one = lifts.get(lift);
            liftX[lift] = (float) ((lift + 0.5) * SHAFT_M);
            liftY[lift] = (float) (one.floor * FLOOR_M);
            riders[lift] = one.riders.size();
            for (int place = 0; place < one.riders.size(); place++, i++) {
                ids[i] = one.riders.get(place).id;
                x[i] = liftX[lift] - 2 + place % 4 * 1.2f;
                y[i] = liftY[lift] + place / 4 * 1.2f;
                type[i] = "riding";
            }
        }
        return new Frame(step, step * DT_S)
                .layer("people", Map.of("id", ids, "x", x, "y", y, "type", type))
                .layer("lifts", Map.of("id", new int[] {1, 2, 3, 4}, "x", liftX, "y", liftY, "riders", riders));
    }

    private static Scene tower() {
        double[] points = new double[FLOORS * 4];
        int[] starts = new int[FLOORS];
        for (int floor = 0; floor < FLOORS; floor++) {
            double y = floor * FLOOR_M - 1;
            System.arraycopy(new double[] {-40, y, LIFTS * SHAFT_M, y}, 0, points, floor * 4, 4);
            starts[floor] = floor * 2;
        }
        return new Scene("tower", -40, -2, LIFTS * SHAFT_M, FLOORS * FLOOR_M).lines(new Scene.Paths(points, starts));
    }

    public static void main(String[] words) throws InterruptedException {
        Lifts tower = new Lifts();
        try (Run run = Run.with()
                .title("Lifts of an office tower")
                .kind("queues")
                .param("people", Param.of(30.0).min(0).max(120).unit("1/min").title("People"))
                .param("speed", Param.of(3.0).min(0.5).max(10).unit("m/s").title("Speed of the lifts"))
                .param("capacity", Param.of(8).min(1).max(16).title("Room in a lift"))
                .param("pattern", Param.of("morning", "morning", "between", "evening").title("Time of day"))
                .start("lifts")) {
            run.scene(tower());
            run.onParam("pattern", pattern -> run.status("info", "it is " + pattern + " now"));
            for (long step = 1; run.running(); step++) {
                try (var timer = run.phase("lifts")) {
                    tower.step(step * DT_S, run.number("people"), run.number("speed"), (Long) run.param("capacity"), (String) run.param("pattern"));
                }
                run.frame(tower.frame(step));
                if (step % 10 == 0) {
                    run.metrics(Map.of("wait_s", tower.waitedS, "arrived", tower.arrived));
                }
                run.sleep(Duration.ofMillis(40));
            }
            run.status("complete", tower.arrived + " people have arrived");
        }
    }
}
