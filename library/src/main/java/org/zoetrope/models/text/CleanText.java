package org.zoetrope.models.text;

import java.text.Normalizer;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// Prompts as Wan2.1 reads them: typing and copying leave traces that its captions did not have. What web pages write for
/// a character becomes that character, twice over as pages are quoted in pages; typographic quotes become straight ones,
/// ligatures and wide Latin letters their plain forms; spaces of all kinds and lengths become one. Text decoded with the
/// wrong character set is left as it is.
public final class CleanText {
    private static final Pattern ENTITY = Pattern.compile("&(#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z]{2,6});");
    private static final Map<String, String> NAMED = Map.of("amp", "&", "lt", "<", "gt", ">", "quot", "\"", "apos", "'",
            "nbsp", "\u00a0", "hellip", "\u2026", "ndash", "\u2013", "mdash", "\u2014", "copy", "\u00a9");
    private static final Pattern SPACES = Pattern.compile("[\\s\\p{Z}]+");
    private static final Pattern INVISIBLE = Pattern.compile("[\\p{Cc}\\ufeff&&[^\\s]]");
    private static final Pattern PRESENTATION = Pattern.compile("[\\ufb00-\\ufb06\\uff01-\\uff5e]+");

    private CleanText() {}

    public static String of(String prompt) {
        var text = unescaped(unescaped(prompt)).replaceAll("[\u2018\u2019\u201a\u201b]", "'")
                .replaceAll("[\u201c\u201d\u201e\u201f]", "\"");
        text = PRESENTATION.matcher(text).replaceAll(run -> Matcher.quoteReplacement(Normalizer.normalize(run.group(), Normalizer.Form.NFKC)));
        text = INVISIBLE.matcher(Normalizer.normalize(text, Normalizer.Form.NFC)).replaceAll("");
        return SPACES.matcher(text).replaceAll(" ").strip();
    }

    private static String unescaped(String text) {
        return ENTITY.matcher(text).replaceAll(entity -> Matcher.quoteReplacement(character(entity.group(1)).orElse(entity.group())));
    }

    private static Optional<String> character(String entity) {
        if (!entity.startsWith("#")) {
            return Optional.ofNullable(NAMED.get(entity));
        }
        var isHex = Character.toLowerCase(entity.charAt(1)) == 'x';
        var code = isHex ? Integer.parseInt(entity, 2, entity.length(), 16) : Integer.parseInt(entity, 1, entity.length(), 10);
        return Character.isValidCodePoint(code) && code != 0 && !(code >= 0xd800 && code <= 0xdfff)
                ? Optional.of(Character.toString(code)) : Optional.empty();
    }
}
