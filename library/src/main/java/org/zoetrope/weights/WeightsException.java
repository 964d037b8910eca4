package org.zoetrope.weights;

import java.util.List;

/// A checkpoint that cannot be used as it is. One exception names everything that was found wrong.
public final class WeightsException extends RuntimeException {
    private static final long serialVersionUID = 1L;
    private static final int LISTED = 60;

    private final transient List<String> problems;

    /// @param problem what is wrong, where, and how to fix it
    public WeightsException(String problem) {
        super(problem);
        problems = List.of(problem);
    }

    /// @param problem what is wrong, where, and how to fix it
    /// @param cause   what the file system or libtorch said
    public WeightsException(String problem, Throwable cause) {
        super(problem, cause);
        problems = List.of(problem);
    }

    /// @param subject  the file or folder
    /// @param problems everything found wrong with it, at least one
    WeightsException(String subject, List<String> problems) {
        super(message(subject, problems));
        this.problems = List.copyOf(problems);
    }

    /// Every problem, one text each, in the order they were found.
    public List<String> problems() {
        return problems;
    }

    private static String message(String subject, List<String> problems) {
        if (problems.size() == 1) {
            return problems.getFirst().contains(subject) ? problems.getFirst() : subject + ": " + problems.getFirst();
        }
        var text = new StringBuilder("%d problems in %s".formatted(problems.size(), subject));
        problems.stream().limit(LISTED).forEach(p -> text.append("\n- ").append(p.replace("\n", "\n  ")));
        if (problems.size() > LISTED) {
            text.append("\n- and %d more".formatted(problems.size() - LISTED));
        }
        return text.toString();
    }
}
