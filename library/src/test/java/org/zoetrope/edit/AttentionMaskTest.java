package org.zoetrope.edit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.zoetrope.edit.EditMask.Side;
import org.zoetrope.nn.AttentionTap;
import org.zoetrope.nn.Pass;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tools.InScope;

@InScope
class AttentionMaskTest {
    private static final int TEXT = 5;
    private static final int VIDEO = 2 * 3 * 4; // 2 latent frames of 6 x 8 cells in patches of 2
    private static final long[] LATENTS = {1, 2, 4, 6, 8};

    private final Rng rng = new Rng(3);

    /// The map of a cross attention by its definition: softmax over all text, mean over heads and over the phrase.
    @Test
    void aMapIsTheShareOfAttentionAPhraseGets() {
        Tensor q = rng.normal(1, 3, VIDEO, 8), k = rng.normal(1, 3, TEXT, 8);
        var site = new AttentionTap.Site(AttentionTap.Kind.CROSS, q, k, k, k, TEXT, 0, 0.5);
        var maps = AttentionMask.phraseMaps(site, new int[] {1, 2});
        var scores = q.matmul(k.transpose(2, 3)).times(0.5).softmax(-1).mean(false, 1).select(0, 0);
        var wanted = scores.narrow(1, 1, 2).mean(false, 1);
        assertThat(maps).hasSize(1);
        assertThat(maps.getFirst()).containsExactly(wanted.div(wanted.max().item()).toDoubles(), within(1e-5));
    }

    /// In joint attention the row's probability of text is divided out, and the phrase's own look at the video counts.
    @Test
    void aJointAttentionIsReadBothWays() {
        Tensor q = rng.normal(1, 2, TEXT + VIDEO, 8), k = rng.normal(1, 2, TEXT + VIDEO, 8);
        var maps = AttentionMask.phraseMaps(new AttentionTap.Site(AttentionTap.Kind.JOINT, q, k, k, k, TEXT, 0, 0.3),
                new int[] {4});
        var all = q.matmul(k.transpose(2, 3)).times(0.3).softmax(-1);
        var video = all.narrow(2, TEXT, VIDEO);
        var ofText = video.narrow(3, 0, TEXT);
        var there = ofText.narrow(3, 4, 1).div(ofText.sum(true, 3)).mean(false, 1).reshape(VIDEO);
        var back = all.narrow(2, 4, 1).narrow(3, TEXT, VIDEO);
        var here = back.div(back.sum(true, 3)).mean(false, 1).reshape(VIDEO);
        assertThat(maps.get(0)).containsExactly(there.div(there.max().item()).toDoubles(), within(1e-5));
        assertThat(maps.get(1)).containsExactly(here.div(here.max().item()).toDoubles(), within(1e-5));
    }

    /// A network whose left half looks at the phrase: the mask is on the left, in the frames of its window.
    @Test
    void aMaskIsWhereThePhraseIsLookedAt() {
        var mask = new AttentionMask(Set.of(1), new int[0], new int[] {2}, new TokenGrid(2, 1, 2, 8), SoftEdge.hard(),
                new long[] {1, 4, 4, 6, 8});
        mask.beginStep();
        mask.watch(Side.TARGET, 2, pass -> looking(pass, 2));
        var inside = mask.inside().orElseThrow();
        assertThat(inside.cells().get(0)).doesNotContain(true);
        var third = inside.cells().get(2);
        assertThat(third[3 * 8]).isTrue();
        assertThat(third[3 * 8 + 7]).isFalse();
        assertThat(mask.weights().orElseThrow().narrow(1, 0, 2).abs().max().item()).isZero();
        // A new step forgets; what was ever inside is remembered for compositing.
        mask.beginStep();
        assertThat(mask.weights().orElseThrow().abs().max().item()).isZero();
        assertThat(mask.inside().orElseThrow()).isEqualTo(inside);
    }

    @Test
    void aSideWithoutAPhraseIsNotWatched() {
        var mask = new AttentionMask(Set.of(1), new int[0], new int[] {2}, new TokenGrid(2, 1, 2, 8), SoftEdge.hard(), LATENTS);
        mask.watch(Side.SOURCE, 0, pass -> {
            assertThat(pass).isEqualTo(Pass.plain());
            return Tensor.zeros(LATENTS);
        });
    }

    /// Pretends to be a network: block 1 has left tokens that look at text token 2 and right ones that look at token 0.
    private static Tensor looking(Pass pass, int frames) {
        var q = Tensor.cat(IntStream.range(0, frames * 12).mapToObj(token -> Tensor.of(
                token % 4 < 2 ? new double[] {0, 9} : new double[] {9, 0}, 1, 1, 1, 2)).toList(), 2);
        var k = Tensor.of(new double[] {1, 0, 0, 0, 0, 1, 0, 0, 0, 0}, 1, 1, TEXT, 2);
        pass.at(0).attend(new AttentionTap.Site(AttentionTap.Kind.CROSS, q, k, k, k, TEXT, 0, 1));
        pass.at(1).attend(new AttentionTap.Site(AttentionTap.Kind.CROSS, q, k, k, k, TEXT, 0, 1));
        return Tensor.zeros(1, frames, 4, 6, 8);
    }

    // ---------------------------------------------------------------- phrases

    @Test
    void thePhrasesOfAnEditAreWhereItsPromptsDiffer() {
        assertThat(Phrases.differing("a red circle moves right", "a blue square moves right"))
                .isEqualTo(new Phrases("red circle", "blue square"));
        assertThat(Phrases.differing("a boat", "a boat on the sea")).isEqualTo(new Phrases("", "on the sea"));
        assertThat(Phrases.differing("a a a", "a a")).isEqualTo(new Phrases("a", ""));
        assertThat(Phrases.differing("a boat", "a boat")).isEqualTo(new Phrases("", ""));
    }

    @Test
    void aPhraseIsFoundAtItsFirstExactMatch() {
        assertThat(Phrases.find(new int[] {2, 3}, new int[] {1, 2, 2, 3, 2, 3})).containsExactly(2, 3);
        assertThat(Phrases.find(new int[] {3, 2}, new int[] {1, 2, 3})).isEmpty();
        assertThat(Phrases.find(new int[0], new int[] {1, 2, 3})).isEmpty();
    }
}
