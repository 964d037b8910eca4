package org.zoetrope.weights;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class RenamesTest {
    @Test
    void rulesApplyInOrderEachToWhatTheLastOneMade() {
        var renames = Renames.none().prefix("model.diffusion_model.", "").segment("query", "to_q")
                .pattern("layers\\.(\\d+)\\.attn\\.(.*)", "blocks.$1.space.$2");
        assertThat(renames.apply("model.diffusion_model.layers.12.attn.query.bias"))
                .isEqualTo("blocks.12.space.to_q.bias");
    }

    @Test
    void namesNoRuleKnowsStay() {
        var renames = Renames.none().prefix("a.", "b.").segment("query", "to_q").pattern("x", "y");
        assertThat(renames.apply("c.query_norm.a.xx")).isEqualTo("c.query_norm.a.xx");
    }

    @Test
    void replacementsOfPrefixesAndSegmentsAreLiteral() {
        assertThat(Renames.none().prefix("a", "$1").segment("b.0", "\\").apply("a.b.0")).isEqualTo("$1.\\");
    }

    @Test
    void tablesCombine() {
        assertThat(Renames.none().prefix("a.", "").then(Renames.none().prefix("b.", "")).apply("a.b.c")).isEqualTo("c");
    }
}
