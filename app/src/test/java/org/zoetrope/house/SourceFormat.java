package org.zoetrope.house;

import static org.eclipse.jdt.core.formatter.DefaultCodeFormatterConstants.ONE_LINE_IF_EMPTY;
import static org.eclipse.jdt.core.formatter.DefaultCodeFormatterConstants.ONE_LINE_PRESERVE;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.eclipse.jdt.core.JavaCore;
import org.eclipse.jdt.core.ToolFactory;
import org.eclipse.jdt.core.formatter.CodeFormatter;
import org.eclipse.jdt.core.formatter.DefaultCodeFormatterConstants;
import org.eclipse.jface.text.BadLocationException;
import org.eclipse.jface.text.Document;

/// The layout of Java sources: the formatter of Eclipse with four spaces and 120 columns, and imports in one order.
///
/// Line breaks that a person made are kept, since a table of arguments or a chain of calls often reads best as it was
/// written; lines that are too long are wrapped. Comments are left alone.
final class SourceFormat {
    static final int COLUMNS = 120;

    private static final String PREFIX = JavaCore.PLUGIN_ID + ".formatter.";
    private static final int KIND = CodeFormatter.K_COMPILATION_UNIT | CodeFormatter.F_INCLUDE_COMMENTS;
    private static final Pattern IMPORT = Pattern.compile("^import (static )?([\\w.]+?)\\.(\\w+|\\*);$");
    /// Annotations that belong to the type behind them, or say little, and stay on its line.
    private static final Pattern INLINE = Pattern.compile(
            "(?m)^( *@(?:Nullable|TempDir|Mixin|Spec|ParentCommand))\\n +");
    private static final int PASSES = 4;

    private final CodeFormatter eclipse = ToolFactory.createCodeFormatter(options(), ToolFactory.M_FORMAT_EXISTING);

    /// The source as it should be written.
    ///
    /// @throws IllegalArgumentException if the source does not parse
    String format(String source) {
        var text = importsSorted(source.stripTrailing() + "\n");
        // A wrapped line may free its neighbour to be wrapped differently; a fixed point comes after a pass or two.
        for (var pass = 0; pass < PASSES; pass++) {
            var next = layout(text);
            if (next.equals(text)) {
                return text;
            }
            text = next;
        }
        return text;
    }

    /// What a formatter cannot repair: wildcard imports, and lines that are still too long.
    List<String> complaints(String source) {
        var found = new ArrayList<String>();
        var lines = source.lines().toList();
        for (var i = 0; i < lines.size(); i++) {
            var line = lines.get(i);
            if (line.codePointCount(0, line.length()) > COLUMNS && !line.startsWith("import ")) {
                found.add("line %d has %d columns, not %d".formatted(i + 1, line.length(), COLUMNS));
            }
            if (line.startsWith("import ") && line.endsWith("*;")) {
                found.add("line %d imports by wildcard".formatted(i + 1));
            }
        }
        return found;
    }

    private String layout(String source) {
        var edit = eclipse.format(KIND, source, 0, source.length(), 0, "\n");
        if (edit == null) {
            throw new IllegalArgumentException("the source does not parse");
        }
        var document = new Document(source);
        try {
            edit.apply(document);
        } catch (BadLocationException e) {
            throw new IllegalStateException(e);
        }
        // This release of the formatter drops the space between the patterns of a case.
        return INLINE.matcher(document.get()).replaceAll("$1 ").replaceAll("(?<= _),(?=[A-Z])", ", ");
    }

    /// Static imports, a blank line, then the others, each sorted by name; those nobody uses are dropped.
    private static String importsSorted(String source) {
        var lines = source.lines().toList();
        var imports = lines.stream().filter(line -> line.startsWith("import ")).toList();
        if (imports.isEmpty()) {
            return source;
        }
        var first = lines.indexOf(imports.getFirst());
        var last = lines.lastIndexOf(imports.getLast());
        if (lines.subList(first, last + 1).stream().anyMatch(line -> !line.isBlank() && !line.startsWith("import "))) {
            return source;
        }
        var rest = String.join("\n", lines.subList(last + 1, lines.size()));
        var words = lines.stream().filter(line -> !line.startsWith("import "))
                .flatMap(line -> Arrays.stream(line.split("\\W+"))).collect(Collectors.toSet());
        var fixed = new TreeSet<String>();
        var plain = new TreeSet<String>();
        for (var line : imports) {
            var match = IMPORT.matcher(line.strip());
            if (!match.matches()) {
                return source;
            }
            var name = match.group(3);
            if (name.equals("*") || words.contains(name)) {
                (match.group(1) == null ? plain : fixed).add(line.strip().replaceAll(";$", ""));
            }
        }
        var blocks = new ArrayList<String>();
        blocks.add(String.join("\n", lines.subList(0, first)).stripTrailing());
        for (var block : List.of(fixed, plain)) {
            if (!block.isEmpty()) {
                blocks.add(block.stream().map(line -> line + ";").collect(Collectors.joining("\n")));
            }
        }
        blocks.add(rest.replaceAll("^\\n+", ""));
        return String.join("\n\n", blocks).stripLeading().stripTrailing() + "\n";
    }

    private static Map<String, String> options() {
        var options = new HashMap<>(DefaultCodeFormatterConstants.getEclipseDefaultSettings());
        JavaCore.setComplianceOptions("25", options);
        put(options, "space", "tabulation.char");
        put(options, "4", "tabulation.size");
        put(options, String.valueOf(COLUMNS), "lineSplit");
        put(options, "false",
                "join_wrapped_lines",
                "comment.format_javadoc_comments",
                "comment.format_block_comments",
                "comment.format_line_comments",
                "comment.format_markdown_comments",
                "comment.format_header",
                "comment.format_source_code");
        put(options, "true",
                "indent_switchstatements_compare_to_switch",
                "keep_empty_array_initializer_on_one_line",
                "comment.preserve_white_space_between_code_and_line_comments");
        put(options, "do not insert",
                "insert_space_after_opening_brace_in_array_initializer",
                "insert_space_before_closing_brace_in_array_initializer",
                "insert_new_line_after_type_annotation");
        put(options, ONE_LINE_PRESERVE,
                "keep_annotation_declaration_on_one_line",
                "keep_anonymous_type_declaration_on_one_line",
                "keep_enum_constant_declaration_on_one_line",
                "keep_enum_declaration_on_one_line",
                "keep_lambda_body_block_on_one_line",
                "keep_method_body_on_one_line",
                "keep_record_constructor_on_one_line",
                "keep_record_declaration_on_one_line",
                "keep_switch_body_block_on_one_line",
                "keep_switch_case_with_arrow_on_one_line",
                "keep_type_declaration_on_one_line");
        put(options, ONE_LINE_IF_EMPTY,
                "keep_code_block_on_one_line",
                "keep_loop_body_block_on_one_line",
                "keep_if_then_body_block_on_one_line");
        put(options, "16", // wrap where necessary
                "alignment_for_resources_in_try",
                "alignment_for_arguments_in_annotation");
        put(options, "0",
                "blank_lines_before_member_type",
                "blank_lines_before_method",
                "blank_lines_before_abstract_method",
                "blank_lines_before_new_chunk");
        return options;
    }

    private static void put(Map<String, String> options, String value, String... names) {
        for (var name : names) {
            options.put(PREFIX + name, value);
        }
    }
}
