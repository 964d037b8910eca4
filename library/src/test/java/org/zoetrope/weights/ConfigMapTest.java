package org.zoetrope.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class ConfigMapTest {
    private static ConfigMap map(String json) {
        return ConfigMap.parse("scheduler_config.json", json.replace('\'', '"'));
    }

    @Test
    void keysAreReadByType() {
        var c = map("""
                {'_class_name':'DDIMScheduler','_diffusers_version':'0.40','beta_schedule':'linear','steps':4.0,
                 'beta_start':1e-4,'clip':false,'shift':null,'lambda_min_clipped':-Infinity,'betas':[1,0.5],
                 'disable_corrector':[],'vae':['diffusers','Vae'],'text_encoder':[null,null],'inner':{'a':1}}""");
        assertThat(c.expectClass("DDIMScheduler").className()).contains("DDIMScheduler");
        assertThat(c.string("beta_schedule", "scaled")).isEqualTo("linear");
        assertThat(c.string("spacing", "leading")).isEqualTo("leading");
        assertThat(c.integer("steps")).isEqualTo(4);
        assertThat(c.number("beta_start")).isEqualTo(1e-4);
        assertThat(c.bool("clip", true)).isFalse();
        assertThat(c.optionalNumber("shift")).isEmpty();
        assertThat(c.number("shift", 3)).isEqualTo(3);
        assertThat(c.number("lambda_min_clipped")).isEqualTo(Double.NEGATIVE_INFINITY);
        assertThat(c.numbers("betas")).hasValueSatisfying(b -> assertThat(b).containsExactly(1.0, 0.5));
        assertThat(c.integers("disable_corrector")).hasValueSatisfying(b -> assertThat(b).isEmpty());
        assertThat(c.strings("vae")).hasValueSatisfying(v -> assertThat(v).containsExactly("diffusers", "Vae"));
        assertThat(c.strings("text_encoder")).isEmpty();
        assertThat(c.map("inner").integer("a")).isEqualTo(1);
        c.finish();
    }

    @Test
    void whatNobodyAskedForIsRefusedByNameTogetherWithWhatWasMistyped() {
        var c = map("{'beta_strat':1,'clip':'yes','inner':{'a':1,'b':2},'_note':1}");
        assertThat(c.number("beta_start", 0.1)).isEqualTo(0.1);
        assertThat(c.bool("clip", false)).isFalse();
        assertThat(c.map("inner").integer("a")).isEqualTo(1);
        assertThatThrownBy(c::finish).isInstanceOf(ConfigException.class).hasMessage("""
                scheduler_config.json: 3 problems
                - "clip" is "yes", expected true or false
                - unknown option "beta_strat" = 1; did you mean "beta_start"?
                - unknown option "inner.b" = 2""");
    }

    @Test
    void aRequiredKeyIsNamedAtOnce() {
        assertThatThrownBy(() -> map("{'beta_ent':1}").number("beta_end"))
                .hasMessage("scheduler_config.json: missing key \"beta_end\"; found \"beta_ent\"");
        assertThatThrownBy(() -> map("{'a':[1]}").map("a"))
                .hasMessage("scheduler_config.json: \"a\" is [1], expected an object");
    }

    @Test
    void theWrongClassAndIgnoredKeys() {
        var c = map("{'_class_name':'PNDMScheduler','trained_betas':null}").expectClass("DDIMScheduler")
                .ignore("trained_betas");
        assertThatThrownBy(c::finish)
                .hasMessage("scheduler_config.json: it describes a PNDMScheduler, expected DDIMScheduler");
    }
}
