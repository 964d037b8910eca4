package org.zoetrope.pipeline;

import java.util.List;

/// A request that the model cannot carry out as it stands. One exception names everything that was found wrong.
public final class RequestException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final transient List<String> problems;

    /// @param subject  what was asked, in a few words
    /// @param problems everything found wrong with it, at least one
    public RequestException(String subject, List<String> problems) {
        super(problems.size() == 1 ? subject + ": " + problems.getFirst()
                : "%s: %d problems\n- %s".formatted(subject, problems.size(), String.join("\n- ", problems)));
        this.problems = List.copyOf(problems);
    }

    /// Every problem, one text each.
    public List<String> problems() {
        return problems;
    }
}
