package org.zoetrope.models.text;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CleanTextTest {
    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', ignoreLeadingAndTrailingWhitespace = false, value = {
            "  a\t red   circle |a red circle",
            "salt &amp; pepper|salt & pepper",
            "salt &amp;amp; pepper|salt & pepper",
            "&#39;one&#x27; &quot;two&quot;|'one' \"two\"",
            "&unknown; &#0; 5 & 6|&unknown; &#0; 5 & 6",
            "\u201cquoted\u201d it\u2019s|\"quoted\" it's",
            "\ufb01sh and \uff21\uff22|fish and AB",
            "cafe\u0301|caf\u00e9",
            "a\u00a0b\u3000c|a b c",
            "\u4e00\u53ea\u732b $1 \\n|\u4e00\u53ea\u732b $1 \\n"})
    void tracesOfTypingAndCopyingAreRemoved(String prompt, String expected) {
        assertThat(CleanText.of(prompt)).isEqualTo(expected);
    }
}
