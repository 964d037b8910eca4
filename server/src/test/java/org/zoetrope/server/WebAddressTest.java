package org.zoetrope.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class WebAddressTest {
    @ParameterizedTest
    @CsvSource({
            "http://pictures.example, http://pictures.example/",
            "HTTPS://Pictures.Example:443/A/b.png?x=1&y=%20#part, https://pictures.example/A/b.png?x=1&y=%20",
            "http://pictures.example:443/, http://pictures.example:443/",
            "http://xn--bcher-kva.example/a%2Fb, http://xn--bcher-kva.example/a%2Fb",
            "http://93.184.215.14/a, http://93.184.215.14/a",
            "http://[2606:2800:21F:0:0::8b2c]/a, http://[2606:2800:21f::8b2c]/a",
            "http://[::ffff:7f00:1]/, http://127.0.0.1/"}) // what it is, for the check to see
    void anAddressIsMadeOfItsParts(String text, String url) {
        assertThat(WebAddress.parse(text).url()).hasToString(url);
    }

    /// Readers of addresses differ in what host they find here.
    @ParameterizedTest
    @ValueSource(strings = {"http://2130706433/", "http://0x7f000001/", "http://0x7f.0.0.1/", "http://0177.0.0.1/",
            "http://127.1/", "http://127.0.0.01/", "http://1.2.3.4.5/", "http://256.0.0.1/", "http://127.0.0.1./",
            "http://pictures.example.0x7f/", "http://pictures.127/", "http://[::1%25eth0]/", "http://[fe80::1%eth0]/",
            "http://[::ffff:0127.0.0.1]/", "http://[1]/", "http://[::1/", "http://::1/", "http://localhost/",
            "http://metadata/", "http://pictures.example./", "http://pictures..example/", "http://-a.example/",
            "http://pictures_a.example/", "http://b\u00fccher.example/", "http://\u24df.example/",
            "http://127\u30020\u30020\u30021/", "http://pictures.example\\@127.0.0.1/", "http://pictures.example\t/",
            "http://%31%32%37.0.0.1/", "http://pictures.example%00.inside.example/", "http:///a.png", "http:/a.png",
            "http:pictures.example", "http://", "https://?a", "http:// pictures.example/", " http://pictures.example/",
            "http://pictures.example/a b", "http://pictures.example/%zz", "http://pictures.example/\r\nHost: x",
            "http://me@pictures.example/", "http://me:secret@pictures.example/", "http://@pictures.example/",
            "http://pictures.example@127.0.0.1/", "http://127.0.0.1#@pictures.example:8080/%",
            "http://pictures.example:22/", "http://pictures.example:8188/", "http://pictures.example:0/",
            "http://pictures.example:-80/", "http://pictures.example:99999999999/", "httpx://pictures.example/",
            "http+unix://pictures.example/"})
    void whatCanBeMisreadIsRefused(String text) {
        assertThatThrownBy(() -> WebAddress.parse(text)).isInstanceOfSatisfying(UrlException.class,
                e -> assertThat(e.code()).isEqualTo("invalid_url"));
    }

    @Test
    void anAddressHasBounds() {
        var path = "a".repeat(4096 - "http://pictures.example/".length());
        assertThat(WebAddress.parse("http://pictures.example/" + path).host()).isEqualTo("pictures.example");
        assertThatThrownBy(() -> WebAddress.parse("http://pictures.example/a" + path)).hasMessageContaining("4097");
        assertThatThrownBy(() -> WebAddress.parse("http://%sexample/".formatted("a.".repeat(124)))).isInstanceOf(
                UrlException.class);
    }

    @ParameterizedTest
    @CsvSource({"/b, https://pictures.example/b", "b, https://pictures.example/a/b",
            "../../b, https://pictures.example/b", "//other.example/b, https://other.example/b",
            "https://other.example:443, https://other.example/"})
    void aRedirectLeadsOn(String location, String url) {
        assertThat(WebAddress.parse("https://pictures.example/a/c.png").redirected(location).url()).hasToString(url);
    }
}
