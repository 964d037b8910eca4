package org.zoetrope.weights;

import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/// A table from another release's tensor names to ours. It stands next to the model it belongs to:
///
/// ```java
/// static final Renames RENAMES = Renames.none()
///         .prefix("model.diffusion_model.", "")
///         .segment("query", "to_q")
///         .pattern("layers\\.(\\d+)\\.attn\\.(.*)", "blocks.$1.space.$2");
/// ```
///
/// Every rule is applied once, from first to last, to what the rules before it made of the name. Names no rule knows
/// stay as they are, so that a file already in our dialect passes through a table that touches other names only.
public final class Renames {
    private record Rule(Pattern from, String to) {}

    private static final Renames NONE = new Renames(List.of());

    private final List<Rule> rules;

    private Renames(List<Rule> rules) {
        this.rules = rules;
    }

    /// The table that changes nothing.
    public static Renames none() {
        return NONE;
    }

    /// Replaces the beginning of a name.
    public Renames prefix(String from, String to) {
        return with("\\A" + Pattern.quote(from), Matcher.quoteReplacement(to));
    }

    /// Replaces whole parts of a name, wherever they stand: `segment("query", "to_q")` turns `mid.query.bias` into
    /// `mid.to_q.bias` and leaves `query_norm` alone. Both may have several parts, as `"ff.net"`.
    public Renames segment(String from, String to) {
        return with("(?<=\\A|\\.)" + Pattern.quote(from) + "(?=\\.|\\z)", Matcher.quoteReplacement(to));
    }

    /// Replaces names that match a regular expression as a whole; `$1` is its first group.
    public Renames pattern(String from, String to) {
        return with("\\A(?:" + from + ")\\z", to);
    }

    /// Applies the rules of another table after those of this one.
    public Renames then(Renames other) {
        return new Renames(Stream.concat(rules.stream(), other.rules.stream()).toList());
    }

    /// Our name for theirs.
    public String apply(String name) {
        var ours = name;
        for (var rule : rules) {
            ours = rule.from.matcher(ours).replaceAll(rule.to);
        }
        return ours;
    }

    private Renames with(String from, String to) {
        return then(new Renames(List.of(new Rule(Pattern.compile(from), to))));
    }
}
