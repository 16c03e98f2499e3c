package lanecast;

/** A mistake in a call: {@code field} is the path of what is wrong, such as {@code layers.points.x[1]}. */
public final class InvalidMessage extends IllegalArgumentException {
    private final String field;
    private final String problem;

    public InvalidMessage(String field, String problem) {
        super(field + ": " + problem);
        this.field = field;
        this.problem = problem;
    }

    public String field() {
        return field;
    }

    public String problem() {
        return problem;
    }
}
