package org.zoetrope.edit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.zoetrope.edit.RandomDit.Network;
import org.zoetrope.nn.AttentionTap.Kind;
import org.zoetrope.nn.AttentionTap.Site;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.ShapeException;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Torch;
import org.zoetrope.tools.InScope;

@InScope
class AttentionControlTest {
    private static final int FRAMES = 3;
    private static final int WORDS = 4;
    private static final int VIDEO = 6;

    // ---------------------------------------------------------------- one attention

    private static Site site(Kind kind, long seed) {
        var rng = new Rng(seed);
        long queries = kind == Kind.JOINT ? WORDS + VIDEO : VIDEO, keys = switch (kind) {
            case JOINT -> WORDS + VIDEO;
            case SELF -> VIDEO;
            case CROSS -> WORDS;
        };
        return new Site(kind, rng.normal(1, 2, queries, 8), rng.normal(1, 2, keys, 8), rng.normal(1, 2, keys, 8),
                rng.normal(1, 2, keys, 8), kind == Kind.SELF ? 0 : WORDS, 0, 0.4);
    }

    private static Tensor edited(Site edit, Site pivot, boolean maps, Optional<long[]> visible) {
        return AttentionControl.edited(edit, pivot, maps, visible, Optional.empty(), Optional.empty());
    }

    private static double difference(Tensor a, Tensor b) {
        return a.minus(b).abs().max().item();
    }

    @ParameterizedTest
    @EnumSource
    void nothingControlledIsTheAttentionItself(Kind kind) {
        assertThat(difference(edited(site(kind, 1), site(kind, 2), false, Optional.empty()), site(kind, 1).attended())).isLessThan(1e-6);
    }

    /// SA-I: the map is the pivot's, the values are its own.
    @Test
    void mapsAreThePivotsAndValuesItsOwn() {
        Site edit = site(Kind.SELF, 1), pivot = site(Kind.SELF, 2);
        assertThat(difference(edited(edit, pivot, true, Optional.empty()), pivot.with(pivot.q(), pivot.k(), edit.v()).attended())).isLessThan(1e-6);
        // In joint attention the text stays the edit's.
        Site joint = site(Kind.JOINT, 1), other = site(Kind.JOINT, 2);
        var q = Tensor.cat(List.of(joint.textQueries(), other.videoQueries()), 2);
        var k = Tensor.cat(List.of(joint.textKeys(), other.videoKeys()), 2);
        assertThat(difference(edited(joint, other, true, Optional.empty()), joint.with(q, k, joint.v()).attended())).isLessThan(1e-6);
    }

    /// V-28: what is masked is not read at all, and what is shared is.
    @ParameterizedTest
    @EnumSource(names = {"JOINT", "SELF"})
    void maskedTokensOfThePivotAreNotRead(Kind kind) {
        var edit = site(kind, 1);
        var given = site(kind, 2);
        var gradient = Torch.withGradients(() -> {
            var values = given.v().detach().requireGradient(true);
            var shared = edited(edit, given.with(given.q(), given.k(), values), false, Optional.of(new long[] {1, 4}));
            return Tensor.gradients(shared.square().sum(), List.of(values)).getFirst();
        }).abs().sum(false, 0, 1, 3).toFloats();
        var texts = kind == Kind.JOINT ? WORDS : 0;
        for (var at = 0; at < gradient.length; at++) {
            var video = at - texts;
            if (video == 1 || video == 4) {
                assertThat(gradient[at]).isPositive();
            } else {
                assertThat(gradient[at]).isZero();
            }
        }
    }

    /// V-28: all visible is the sharing of the public script, without the text.
    @Test
    void anEmptyMaskIsPlainSharing() {
        Site edit = site(Kind.SELF, 1), pivot = site(Kind.SELF, 2);
        var all = LongStream.range(0, VIDEO).toArray();
        var plain = edit.with(edit.q(), Tensor.cat(List.of(edit.k(), pivot.k()), 2), Tensor.cat(List.of(edit.v(), pivot.v()), 2)).attended();
        assertThat(difference(edited(edit, pivot, false, Optional.of(all)), plain)).isLessThan(1e-5);
    }

    /// A weight of c multiplies what the softmax gives a word before it is made a probability.
    @ParameterizedTest
    @EnumSource(names = {"JOINT", "CROSS"})
    void weightsRaiseAWordAndStayProbabilities(Kind kind) {
        Site edit = site(kind, 1), pivot = site(kind, 2);
        var ones = edit.with(edit.q(), edit.k(), Tensor.ones(edit.v().shape()));
        var factors = new float[WORDS];
        factors[2] = (float) Math.log(3);
        var sum = AttentionControl.edited(ones, pivot, false, Optional.empty(), Optional.empty(), Optional.of(factors));
        assertThat(sum.minus(1).abs().max().item()).isLessThan(1e-5);
        var marked = Tensor.zeros(edit.v().shape());
        marked.narrow(2, 2, 1).addInPlace(Tensor.ones(1, 2, 1, 8), 1);
        var share = edit.with(edit.q(), edit.k(), marked);
        var before = share.attended();
        var after = AttentionControl.edited(share, pivot, false, Optional.empty(), Optional.empty(), Optional.of(factors));
        var texts = kind == Kind.JOINT ? WORDS : 0;
        var video = before.narrow(2, texts, VIDEO);
        var wanted = video.times(3).div(video.times(2).plus(1));
        assertThat(difference(after.narrow(2, texts, VIDEO), wanted)).isLessThan(1e-5);
        if (kind == Kind.JOINT) {
            assertThat(difference(after.narrow(2, 0, texts), before.narrow(2, 0, texts))).isLessThan(1e-6);
        }
    }

    /// Where all words continue the source's, the video finds them by the pivot's keys.
    @Test
    void wordsAreFoundByThePivotsKeys() {
        Site edit = site(Kind.CROSS, 1), pivot = site(Kind.CROSS, 2);
        var same = IntStream.range(0, WORDS).toArray();
        var found = AttentionControl.edited(edit, pivot, false, Optional.empty(), Optional.of(same), Optional.empty());
        assertThat(difference(found, edit.with(edit.q(), pivot.k(), edit.v()).attended())).isLessThan(1e-6);
        var none = AttentionControl.edited(edit, pivot, false, Optional.empty(), Optional.of(new int[] {-1, -1, -1, -1}), Optional.empty());
        assertThat(difference(none, edit.attended())).isLessThan(1e-6);
    }

    // ---------------------------------------------------------------- which words

    @Test
    void tokensThatBothPromptsShareAreAligned() {
        assertThat(Phrases.align(new int[] {1, 2, 3}, new int[] {1, 2, 3})).containsExactly(0, 1, 2);
        assertThat(Phrases.align(new int[] {1, 2, 3}, new int[] {1, 9, 8, 3})).containsExactly(0, -1, -1, 2);
        assertThat(Phrases.align(new int[] {1, 2, 3, 4}, new int[] {3, 4, 1, 2, 3})).containsExactly(-1, -1, 0, 1, 2);
        assertThat(Phrases.align(new int[0], new int[] {5})).containsExactly(-1);
    }

    // ---------------------------------------------------------------- in a run

    static Stream<Network> networks() {
        return Stream.of(RandomDit.joint(2, DType.FLOAT32), RandomDit.cross(2));
    }

    private static EditMask mask(boolean... firstRow) {
        var cells = new boolean[16];
        System.arraycopy(firstRow, 0, cells, 0, firstRow.length);
        return EditMask.fixed(new LatentMask(4, 4, Collections.nCopies(FRAMES, cells)), SoftEdge.hard());
    }

    private static EditMask full() {
        var cells = new boolean[16];
        Arrays.fill(cells, true);
        return EditMask.fixed(new LatentMask(4, 4, Collections.nCopies(FRAMES, cells)), SoftEdge.hard());
    }

    private static EditTask task(Network network, long to) {
        return RandomDit.task(network, FRAMES, 4, 5, to).withWords(new WordMap(IntStream.range(0, RandomDit.WORDS).toArray(),
                word -> word.equals("second") ? new int[] {1} : new int[0]));
    }

    private static InversionEdit editor(AttentionControl control) {
        return new InversionEdit(new Inversion.FixedPoint(2, 0), 0, 3, new Anchor.None(), Optional.empty(), Optional.of(control), 1);
    }

    /// V-26: under the words of the source, at its pivots, what the pivot sees is what the edit sees.
    @ParameterizedTest
    @MethodSource("networks")
    void equalWordsAndMapsReproduceThePivots(Network network) {
        var exact = new InversionEdit(new Inversion.FixedPoint(40, 0), 0, 1, new Anchor.None(), Optional.empty(),
                Optional.of(AttentionControl.none().mapsUntil(1).wordsUntil(1)), 1);
        var task = task(network, 5);
        assertThat(difference(exact.edit(task), task.source())).isLessThan(1e-4);
    }

    @ParameterizedTest
    @MethodSource("networks")
    void noControlIsThePlainRun(Network network) {
        var plain = editor(AttentionControl.none()).edit(task(network, 6).withMask(mask(true)));
        assertThat(plain.toFloats()).isEqualTo(InversionEdit.plain(3).skipped(0).blendFrom(1)
                .inversion(new Inversion.FixedPoint(2, 0)).edit(task(network, 6).withMask(mask(true))).toFloats());
        // V-28: where everything may change there is nothing to share.
        assertThat(editor(AttentionControl.none().sharedFrom(0)).edit(task(network, 6).withMask(full())).toFloats())
                .isEqualTo(editor(AttentionControl.none()).edit(task(network, 6).withMask(full())).toFloats());
    }

    @ParameterizedTest
    @MethodSource("networks")
    void everyControlChangesTheEditAndCostsWhatIsAnnounced(Network network) {
        var none = editor(AttentionControl.none());
        var plain = none.edit(task(network, 6).withMask(mask(true)));
        for (var control : List.of(AttentionControl.none().mapsUntil(1), AttentionControl.none().sharedFrom(0),
                AttentionControl.none().wordsUntil(1), AttentionControl.none().weights(Map.of("second", 4.0)))) {
            var task = task(network, 6).withMask(mask(true));
            assertThat(difference(editor(control).edit(task), plain)).as(control.toString()).isGreaterThan(1e-3);
            assertThat(task.counter().forwards()).isGreaterThan(none.evaluations(4, 1))
                    .isLessThanOrEqualTo(editor(control).evaluations(4, 1));
        }
        assertThat(editor(AttentionControl.none().weights(Map.of("absent", 4.0))).edit(task(network, 6).withMask(mask(true))).toFloats())
                .isEqualTo(plain.toFloats());
    }

    /// Sharing meets features of their own for each frame, and offsets.
    @ParameterizedTest
    @MethodSource("networks")
    void sharingWorksBesideEveryMeans(Network network) {
        for (var means : NullText.Means.values()) {
            var anchor = NullText.defaults().iterations(1).rate(0.1).means(means).layout(new NullText.Layout.PerFrame());
            var task = task(network, 6).withMask(mask(true));
            assertThat(editor(AttentionControl.none().sharedFrom(0)).anchor(anchor).edit(task).isFinite()).isTrue();
        }
    }

    @Test
    void attentionToTheSourceNeedsTheClipAsAWhole() {
        var task = task(RandomDit.joint(2, DType.FLOAT32), 6).withMask(mask(true)).withWindows(new Windows(FRAMES, 2, 1));
        assertThatThrownBy(() -> editor(AttentionControl.defaults()).edit(task)).isInstanceOf(ShapeException.class)
                .hasMessageContaining("2 windows");
    }

    @Test
    void weightsMustBePositive() {
        assertThatThrownBy(() -> AttentionControl.none().weights(Map.of("a", 0.0))).isInstanceOf(ShapeException.class)
                .hasMessageContaining("\"a\"");
    }
}
