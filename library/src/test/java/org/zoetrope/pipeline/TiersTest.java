package org.zoetrope.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.zoetrope.nn.Reuse;
import org.zoetrope.pipeline.Tiers.Tier;

class TiersTest {
    @Test
    void wordsAreReadAndSaidInOneOrder() {
        assertThat(Tiers.parse("int8, cached", Optional.of(0.2)).words()).isEqualTo("cached,int8");
        assertThat(Tiers.parse("int8,int8", Optional.empty()).chosen()).isEqualTo(List.of(Tier.INT8));
        assertThat(Tiers.parse(Tiers.lossless().words(), Optional.empty())).isEqualTo(Tiers.lossless());
    }

    @Test
    void eachIsWhatItSays() {
        var request = Request.of("a boat");
        assertThat(Tiers.lossless().on(request)).isEqualTo(request);
        assertThat(Tiers.lossless().on(OpenOptions.defaults())).isEqualTo(OpenOptions.defaults());
        assertThat(Tiers.parse("cached,int8", Optional.of(0.2)).on(request).reuse())
                .contains(new Reuse.Stack(Optional.of(0.2)));
        assertThat(Tiers.parse("broadcast", Optional.empty()).on(request).reuse())
                .contains(Reuse.Attention.published());
        assertThat(Tiers.parse("cached,int8", Optional.empty()).on(OpenOptions.defaults()).matrices())
                .isEqualTo(OpenOptions.Matrices.INT8);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "fast | no speed is called \"fast\"; there are lossless, cached, broadcast, int8", "cached,broadcast | give one", "lossless,int8 | leave out int8", "'' | no speed is called \"\"",
        "cached,,int8 | no speed is called"})
    void whatDoesNotGoTogetherIsSaid(String words, String said) {
        assertThatThrownBy(() -> Tiers.parse(words, Optional.empty())).isInstanceOf(RequestException.class)
                .hasMessageContaining(said);
    }

    @Test
    void allThatIsWrongIsSaidAtOnce() {
        assertThatThrownBy(() -> new Tiers(List.of(Tier.LOSSLESS, Tier.BROADCAST), Optional.of(0.1)))
                .isInstanceOfSatisfying(RequestException.class, e -> assertThat(e.problems()).hasSize(2)
                        .anyMatch(problem -> problem.contains("add cached")));
    }
}
