package org.zoetrope.weights;

import java.util.List;

/// Settings that cannot be used: unknown, missing, mistyped or contradictory keys, all of them in one message.
public final class ConfigException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final transient List<String> problems;

    /// @param problem what is wrong, where, and how to fix it
    public ConfigException(String problem) {
        super(problem);
        problems = List.of(problem);
    }

    /// @param problem what is wrong, where, and how to fix it
    /// @param cause   what the file system or the JSON reader said
    public ConfigException(String problem, Throwable cause) {
        super(problem, cause);
        problems = List.of(problem);
    }

    /// @param subject  the file, or the record whose values contradict one another
    /// @param problems everything found wrong with it, at least one
    public ConfigException(String subject, List<String> problems) {
        super(message(subject, problems));
        this.problems = List.copyOf(problems);
    }

    /// Every problem, one text each.
    public List<String> problems() {
        return problems;
    }

    /// Refuses a configuration whose values do not fit together.
    ///
    /// @param holds  what must be true
    /// @param format the complaint, naming the values, in the syntax of [String#format]
    /// @throws ConfigException if it does not hold
    @SuppressWarnings("AnnotateFormatMethod") // its annotation is not among our dependencies
    public static void require(boolean holds, String format, Object... values) {
        if (!holds) {
            throw new ConfigException(String.format(format, values));
        }
    }

    private static String message(String subject, List<String> problems) {
        if (problems.size() == 1) {
            return subject + ": " + problems.getFirst();
        }
        return "%s: %d problems\n- %s".formatted(subject, problems.size(), String.join("\n- ", problems));
    }
}
