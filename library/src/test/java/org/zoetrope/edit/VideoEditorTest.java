package org.zoetrope.edit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.zoetrope.media.Frames;
import org.zoetrope.nn.Reuse;
import org.zoetrope.pipeline.Progress;
import org.zoetrope.pipeline.ProgressListener;
import org.zoetrope.pipeline.RequestException;
import org.zoetrope.pipeline.TinyModels;
import org.zoetrope.pipeline.VideoModel;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tools.InScope;
import org.zoetrope.weights.SafetensorsWriter;
import org.zoetrope.weights.WeightsException;

/// Whole edits with a model of random weights: what must hold whatever a model has learned.
@InScope
class VideoEditorTest {
    private static final EditRequest SQUARE = EditRequest.of("a red circle moves", "a blue square moves").steps(3)
            .seed(7).editor(new FlowEdit(1, 0, 1, 2, 6));

    @TempDir static Path folder;
    static VideoModel model;

    @BeforeAll
    static void openModel() throws IOException {
        model = VideoModel.open(TinyModels.textToVideo(folder.resolve("t2v")));
    }

    @AfterAll
    static void closeModel() {
        model.close();
    }

    private static Frames clip(int frames, int width, int height, double fps) {
        return Frames.paint(width, height, fps, frames, (f, x, y) -> (x + f) * 5 % 256 << 16 | y * 7 % 256 << 8 | x * y % 256);
    }

    private static EditedVideo edit(VideoModel opened, Frames clip, EditRequest request) {
        var editor = new VideoEditor(opened);
        return editor.finish(editor.run(editor.prepare(clip, request), ProgressListener.none()), clip,
                ProgressListener.none());
    }

    private static List<List<Byte>> pixels(Frames clip) {
        return clip.images().stream().map(image -> {
            var bytes = new ArrayList<Byte>();
            for (var b : image) {
                bytes.add(b);
            }
            return (List<Byte>) bytes;
        }).toList();
    }

    // ---------------------------------------------------------------- stopped on the way

    /// Keeps every step in a file of its own.
    private record Keeping(Path folder, List<Integer> done) implements EditListener {
        @Override
        public void on(Progress progress) {
            if (progress instanceof Progress.Denoising step) {
                done.add(step.done());
            }
        }

        @Override
        public void after(EditCheckpoint checkpoint, Supplier<Tensor> clean) {
            checkpoint.save(file(checkpoint.reached().done()));
        }

        Path file(int step) {
            return folder.resolve("step%d.safetensors".formatted(step));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"flowedit", "attention", "sdedit"})
    void anEditGoesOnFromAFileAndEndsTheSame(String method, @TempDir Path files) {
        var request = switch (method) {
            case "flowedit" -> SQUARE.mask(MaskSource.velocityDifference());
            case "attention" -> SQUARE.mask(new MaskSource.Attention(SoftEdge.published(), Optional.empty(), Optional.empty()));
            default -> SQUARE.editor(new Sdedit(1, 6)).mask(new MaskSource.Everywhere());
        };
        var editor = new VideoEditor(model);
        var prepared = editor.prepare(clip(9, 32, 32, 8), request);
        var all = new Keeping(files, new ArrayList<>());
        var whole = editor.run(prepared, Optional.empty(), all);
        assertThat(all.done).containsExactly(0, 1, 2, 3);
        for (var step = 1; step <= 3; step++) {
            var left = new Keeping(files, new ArrayList<>());
            var end = editor.run(prepared, Optional.of(EditCheckpoint.load(all.file(step))), left);
            assertThat(left.done.getFirst()).isEqualTo(step);
            assertThat(left.done).hasSize(4 - step);
            assertThat(end.edited().toFloats()).isEqualTo(whole.edited().toFloats());
            assertThat(end.inside()).isEqualTo(whole.inside());
            assertThat(end.recipe()).isEqualTo(whole.recipe());
        }
        var another = editor.prepare(clip(9, 32, 32, 8), request.seed(8));
        assertThatThrownBy(() -> editor.run(another, Optional.of(EditCheckpoint.load(all.file(1))), all))
                .isInstanceOf(RequestException.class).hasMessageContaining("belongs to another edit");
    }

    @Test
    void aFileThatIsNoCheckpointIsRefused(@TempDir Path files) {
        var file = files.resolve("edit.safetensors");
        var clip = clip(9, 32, 32, 8);
        var editor = new VideoEditor(model);
        editor.run(editor.prepare(clip, SQUARE), ProgressListener.none()).save(file);
        assertThatThrownBy(() -> EditCheckpoint.load(file)).isInstanceOf(WeightsException.class)
                .hasMessageContaining("does not hold the state of an edit");
    }

    // ---------------------------------------------------------------- what an edit keeps

    @ParameterizedTest
    @CsvSource({"9, 32, 32, 8", "6, 50, 34, 12.5", "1, 31, 33, 1", "12, 20, 45, 25"})
    void theEditHasTheSizeTheLengthAndTheRateOfTheClip(int frames, int width, int height, double fps) {
        var edited = edit(model, clip(frames, width, height, fps), SQUARE).frames();
        assertThat(edited.width()).isEqualTo(width);
        assertThat(edited.height()).isEqualTo(height);
        assertThat(edited.count()).isEqualTo(frames);
        assertThat(edited.fps()).isEqualTo(fps);
    }

    @Test
    void whatWasDoneToTheClipIsSaid() {
        var prepared = new VideoEditor(model).prepare(clip(18, 50, 34, 24), SQUARE);
        assertThat(prepared.notices()).anyMatch(n -> n.contains("50 x 34 is edited at 48 x 32 and scaled back"))
                .anyMatch(n -> n.contains("last frame is repeated 3 times to make 21 frames"))
                .anyMatch(n -> n.contains("in 3 windows")).anyMatch(n -> n.contains("24 frames per second"));
        assertThat(new VideoEditor(model).prepare(clip(9, 32, 32, 8), SQUARE).notices()).isEmpty();
    }

    @Test
    void aRequestThatNamesNoMethodIsFlowEditAtTheScalesOfTheModel() {
        var prepared = new VideoEditor(model).prepare(clip(9, 32, 32, 8), EditRequest.of("a red circle", "a blue square"));
        assertThat(prepared.editor()).isEqualTo(new FlowEdit(0.8, 0, 1, 1.5, 5));
        assertThat(prepared.recipe().method()).isEqualTo(prepared.editor().toString());
    }

    @Test
    void equalPromptsAtEqualScalesReturnTheCodecsClip() {
        var same = EditRequest.of("a red circle", "a red circle").steps(3).seed(7).mask(new MaskSource.Everywhere())
                .editor(new FlowEdit(1, 0, 2, 4, 4));
        var clip = clip(9, 32, 32, 8);
        var edited = edit(model, clip, same);
        assertThat(pixels(edited.frames())).isEqualTo(pixels(edited.codec()));
        assertThat(edited.notices()).anyMatch(n -> n.contains("both prompts are the same"));
    }

    /// With the autoencoder's loss given back, a mask without a single pixel returns the very clip.
    @Test
    void anEmptyMaskReturnsTheClipBitForBit() {
        var clip = clip(6, 50, 34, 8);
        var nothing = PixelMask.of(Frames.paint(50, 34, 1, 1, (_, _, _) -> 0), false);
        var request = SQUARE.mask(new MaskSource.Drawn(nothing, SoftEdge.published()));
        assertThat(pixels(edit(model, clip, request).frames())).isEqualTo(pixels(clip));
        var everything = new PixelMask(50, 34, true, List.of(allTrue(50 * 34)));
        assertThat(pixels(edit(model, clip, SQUARE.mask(new MaskSource.Drawn(everything, SoftEdge.hard()))).frames()))
                .isEqualTo(pixels(clip));
        assertThat(pixels(edit(model, clip, request.composite(false)).frames())).isNotEqualTo(pixels(clip));
    }

    private static boolean[] allTrue(int count) {
        var all = new boolean[count];
        Arrays.fill(all, true);
        return all;
    }

    /// V-31: no edit keeps more than the autoencoder does, until its loss is given back.
    @Test
    void whatTheAutoencoderLostIsGivenBackOutsideTheMask() {
        var clip = clip(9, 64, 64, 8);
        var corner = new MaskSource.Drawn(PixelMask.box(0, 0, 16, 16, 64, 64, false), SoftEdge.hard());
        var plain = edit(model, clip, SQUARE.size(64, 64).mask(corner).composite(false));
        var whole = edit(model, clip, SQUARE.size(64, 64).mask(corner));
        assertThat(offOutside(whole.frames(), clip, 32)).isLessThan(0.5 * offOutside(plain.frames(), clip, 32));
        assertThat(offOutside(plain.frames(), clip, 32))
                .isGreaterThanOrEqualTo(0.9 * offOutside(plain.codec(), clip, 32));
    }

    /// Mean square difference of two clips beyond the square in the upper left corner.
    private static double offOutside(Frames a, Frames b, int corner) {
        double sum = 0;
        for (var f = 0; f < a.count(); f++) {
            for (var y = 0; y < a.height(); y++) {
                for (var x = 0; x < a.width(); x++) {
                    for (var shift = 0; shift <= 16 && (x >= corner || y >= corner); shift += 8) {
                        double off = (a.pixel(f, x, y) >> shift & 0xff) - (b.pixel(f, x, y) >> shift & 0xff);
                        sum += off * off;
                    }
                }
            }
        }
        return sum;
    }

    // ---------------------------------------------------------------- methods and masks

    static Stream<EditRequest> ways() {
        var box = new MaskSource.Drawn(PixelMask.box(4, 4, 10, 10, 32, 32, false), SoftEdge.hard());
        return Stream.of(SQUARE, SQUARE.mask(new MaskSource.Everywhere()), SQUARE.mask(box),
                SQUARE.mask(MaskSource.attention()), SQUARE.editor(new RandomStart(6)).mask(new MaskSource.Everywhere()),
                SQUARE.editor(new Sdedit(0.6, 6)).mask(box),
                SQUARE.editor(FlowDirectorV1.defaults()).mask(MaskSource.attention()),
                SQUARE.editor(FlowDirectorV2.defaults()).mask(MaskSource.attention()));
    }

    /// How much of the clip the mask leaves to the edit says which share of the steps it takes.
    @Test
    void aWideMaskIsEditedInOtherSteps() {
        var request = SQUARE.steps(10).editor(new FlowEdit(0.4, 1, 0, 1, 1, 1));
        var narrow = new MaskSource.Drawn(PixelMask.box(4, 4, 10, 10, 32, 32, false), SoftEdge.hard());
        var wide = new MaskSource.Drawn(PixelMask.box(0, 0, 32, 24, 32, 32, false), SoftEdge.hard());
        var editor = new VideoEditor(model);
        var taken = Stream.of(narrow, wide, new MaskSource.Everywhere()).map(mask -> {
            var prepared = editor.prepare(clip(9, 32, 32, 8), request.mask(mask));
            assertThat(prepared.evaluations()).as("at most").isEqualTo(20);
            var left = new ArrayList<Integer>();
            var latents = editor.run(prepared, progress -> {
                if (progress instanceof Progress.Denoising(var done, var all, _)) {
                    left.add(all - done);
                }
            });
            assertThat(left).last().isEqualTo(0);
            return latents.recipe().evaluations();
        }).toList();
        assertThat(taken).containsExactly(8L, 20L, 20L);
    }

    @ParameterizedTest
    @MethodSource("ways")
    void everyWayCountsWhatItSaidBeforehand(EditRequest request) {
        var editor = new VideoEditor(model);
        for (var frames : List.of(9, 17)) {
            var prepared = editor.prepare(clip(frames, 32, 32, 8), request);
            var steps = new ArrayList<Integer>();
            var latents = editor.run(prepared, progress -> {
                if (progress instanceof Progress.Denoising(var done, var all, _)) {
                    steps.add(all - done);
                }
            });
            assertThat(latents.recipe().evaluations()).isEqualTo(prepared.evaluations() + prepared.forMask());
            assertThat(steps).last().isEqualTo(0);
            assertThat(latents.edited().minus(latents.source()).abs().max().item()).isPositive();
        }
    }

    @Test
    void aSeedFixesTheEdit() {
        var clip = clip(9, 32, 32, 8);
        var once = pixels(edit(model, clip, SQUARE).frames());
        assertThat(pixels(edit(model, clip, SQUARE).frames())).isEqualTo(once);
        assertThat(pixels(edit(model, clip, SQUARE.seed(8)).frames())).isNotEqualTo(once);
    }

    /// CogVideoX1.5 joins latent frames in pairs: an odd number gets one in front, which is no part of the clip.
    @Test
    void aModelOfPairedFramesEditsAsWell() throws IOException {
        try (var paired = VideoModel.open(TinyModels.pairedTextToVideo(folder.resolve("paired")))) {
            var edited = edit(paired, clip(9, 32, 32, 8), SQUARE.mask(MaskSource.attention()));
            assertThat(edited.frames().count()).isEqualTo(9);
            var inverted = inversion(3, NullText.defaults().rate(0.1).iterations(3).layout(new NullText.Layout.PerFrame())
                    .curriculum(new Curriculum.ClipLength()));
            assertThat(edit(paired, clip(9, 32, 32, 8), SQUARE.editor(inverted)).frames().count()).isEqualTo(9);
        }
    }

    /// Wan looks at words by cross-attention and reads them through another encoder: only the parts of its model differ.
    @ParameterizedTest
    @MethodSource("ways")
    void wanEditsAsWell(EditRequest request) throws IOException {
        try (var wan = VideoModel.open(TinyModels.wanTextToVideo(folder.resolve("wan")))) {
            var clip = clip(9, 32, 32, 16);
            var editor = new VideoEditor(wan);
            var prepared = editor.prepare(clip, request);
            var latents = editor.run(prepared, ProgressListener.none());
            assertThat(latents.recipe().evaluations()).isEqualTo(prepared.evaluations() + prepared.forMask());
            assertThat(editor.finish(latents, clip, ProgressListener.none()).frames().count()).isEqualTo(9);
        }
    }

    // ---------------------------------------------------------------- what methods cannot do

    private static InversionEdit inversion(double guidance, NullText anchor) {
        return InversionEdit.plain(guidance).anchor(anchor);
    }

    private static void refuses(Frames clip, Editor editor, String... words) {
        assertThatThrownBy(() -> new VideoEditor(model).prepare(clip, SQUARE.editor(editor)))
                .isInstanceOf(RequestException.class).hasMessageContainingAll(words);
    }

    /// The run is long; what it would end with is said before.
    @Test
    void whatAMethodCannotDoIsSaidBeforeTheRun() {
        var each = NullText.defaults().layout(new NullText.Layout.PerFrame());
        var drawn = NullText.defaults().iterations(0).rate(1).guidance(DecoupledGuidance.published());
        refuses(clip(9, 32, 32, 8), inversion(1, NullText.defaults()), "nothing to optimise at guidance 1", "above 1");
        refuses(clip(17, 32, 32, 8), inversion(6, each), "each latent frame", "2 windows", "cut the video");
        refuses(clip(17, 32, 32, 8), inversion(6, drawn), "what the network sees", "2 windows");
        refuses(clip(17, 32, 32, 8), InversionEdit.plain(6).control(AttentionControl.defaults()), "attention to the source");
        refuses(clip(1, 32, 32, 8),
                inversion(6, drawn.guidance(DecoupledGuidance.published().motionAlone())), "no motion to compare", "keys");
        for (var fine : List.of(inversion(1, drawn), inversion(6, NullText.defaults()),
                inversion(6, drawn.guidance(DecoupledGuidance.published().strength(0))))) {
            assertThat(new VideoEditor(model).prepare(clip(9, 32, 32, 8), SQUARE.editor(fine)).notices()).isEmpty();
        }
    }

    /// A latent frame stands for four frames, so a clip of three has no two groups to compare.
    @Test
    void aClipShorterThanAGroupOfFramesIsEditedAndSaid() {
        var each = inversion(6, NullText.defaults().iterations(1).rate(0.1).layout(new NullText.Layout.PerFrame())
                .guidance(DecoupledGuidance.published()));
        var one = new VideoEditor(model).prepare(clip(1, 32, 32, 8), SQUARE.editor(each));
        assertThat(one.notices()).anyMatch(n -> n.contains("a single frame: nothing in it moves"))
                .anyMatch(n -> n.contains("one text for all")).anyMatch(n -> n.contains("only its appearance is held"));
        var three = new VideoEditor(model).prepare(clip(3, 32, 32, 8), SQUARE.editor(each));
        assertThat(three.notices()).anyMatch(n -> n.contains("3 frames and a latent frame stands for 4"))
                .anyMatch(n -> n.contains("repeated 2 times")).noneMatch(n -> n.contains("one text for all"));
        assertThat(edit(model, clip(1, 32, 32, 8), SQUARE.editor(each)).frames().count()).isEqualTo(1);
        assertThat(edit(model, clip(3, 32, 32, 8), SQUARE.editor(each)).frames().count()).isEqualTo(3);
    }

    /// The source prompt is tried on the clip before an inversion; words that say nothing make no difference.
    @Test
    void whetherTheSourcePromptDescribesTheClipIsSaid() {
        var notices = new ArrayList<String>();
        var editor = new VideoEditor(model);
        var prepared = editor.prepare(clip(9, 32, 32, 8), SQUARE.editor(InversionEdit.plain(6)));
        var latents = editor.run(prepared, progress -> {
            if (progress instanceof Progress.Notice(var text)) {
                notices.add(text);
            }
        });
        assertThat(prepared.forPrompt()).isEqualTo(6);
        assertThat(latents.recipe().evaluations()).isLessThanOrEqualTo(prepared.evaluations() + prepared.forMask() + 6);
        assertThat(notices).anyMatch(n -> n.contains("the source prompt") && n.contains("the clip"));
        assertThat(editor.prepare(clip(9, 32, 32, 8), SQUARE).forPrompt()).isZero();
    }

    // ---------------------------------------------------------------- latents

    @Test
    void aSavedEditIsDecodedLater() {
        var editor = new VideoEditor(model);
        var clip = clip(9, 32, 32, 8);
        var latents = editor.run(editor.prepare(clip, SQUARE), ProgressListener.none());
        var file = folder.resolve("edit.safetensors");
        latents.save(file);
        var loaded = EditedLatents.load(file);
        assertThat(loaded.recipe()).isEqualTo(latents.recipe());
        assertThat(loaded.inside()).isEqualTo(latents.inside());
        assertThat(pixels(editor.finish(loaded, clip, ProgressListener.none()).frames()))
                .isEqualTo(pixels(editor.finish(latents, clip, ProgressListener.none()).frames()));
        assertThatThrownBy(() -> editor.finish(loaded, clip(5, 32, 32, 8), ProgressListener.none()))
                .isInstanceOf(RequestException.class).hasMessageContaining("9 frames of 32 x 32 were edited");
        var other = folder.resolve("other.safetensors");
        SafetensorsWriter.write(other, Map.of("x", loaded.source()), Map.of());
        assertThatThrownBy(() -> EditedLatents.load(other)).isInstanceOf(WeightsException.class)
                .hasMessageContaining("does not hold an edit");
    }

    // ---------------------------------------------------------------- speeds

    /// A threshold of 0 runs the blocks in every step; a large one takes them over in all but the first and the last.
    @ParameterizedTest
    @CsvSource({"0, true, 0", "1e9, false, 8"})
    void whatFollowsOnePathTakesOverEarlierSteps(double threshold, boolean equal, int reused) {
        var request = SQUARE.editor(new Sdedit(1, 2)).mask(new MaskSource.Everywhere()).steps(4);
        var words = new ArrayList<Progress.Reused>();
        var faster = request.reuse(Reuse.Stack.usual().threshold(threshold));
        var editor = new VideoEditor(model);
        var clip = clip(9, 32, 32, 8);
        ProgressListener listener = progress -> {
            if (progress instanceof Progress.Reused now) {
                words.add(now);
            }
        };
        var whole = editor.run(editor.prepare(clip, request), listener);
        assertThat(words).isEmpty();
        var made = editor.run(editor.prepare(clip, faster), listener);
        assertThat(words).singleElement().satisfies(now -> {
            assertThat(now.counts().calls()).isEqualTo(8);
            assertThat(now.counts().reusedBlocks()).isEqualTo(reused);
        });
        assertThat(made.edited().minus(whole.edited()).abs().max().item() == 0).isEqualTo(equal);
        assertThat(made.edited().isFinite()).isTrue();
        assertThat(whole.recipe().speed()).isEmpty();
        assertThat(made.recipe().speed()).contains("Stack[threshold=Optional[%s]]".formatted(threshold));
    }

    /// FlowEdit draws fresh noise in every step, so that what the network computed before is about other latents.
    @Test
    void whatCannotTakeOverSaysWhichMethodsCan() {
        var editor = new VideoEditor(model);
        assertThatThrownBy(() -> editor.prepare(clip(9, 32, 32, 8), SQUARE.reuse(Reuse.Attention.published())))
                .isInstanceOf(RequestException.class).hasMessageContaining("sdedit and random");
        assertThatThrownBy(() -> editor.prepare(clip(40, 32, 32, 8), SQUARE.editor(new Sdedit(1, 2))
                .mask(MaskSource.attention()).reuse(Reuse.Stack.usual()))).isInstanceOf(RequestException.class)
                .hasMessageContaining("a mask that is found in attention").hasMessageContaining("parts");
        assertThatThrownBy(() -> editor.prepare(clip(9, 32, 32, 8), SQUARE.editor(new Sdedit(1, 2))
                .reuse(Reuse.Stack.usual().threshold(-1)))).isInstanceOf(RequestException.class)
                .hasMessageContaining("a threshold of -1.0");
    }

    // ---------------------------------------------------------------- doors

    @Test
    void everyMistakeIsInOneMessage() {
        var mask = new MaskSource.Drawn(PixelMask.box(0, 0, 4, 4, 16, 16, false), SoftEdge.hard());
        var request = new EditRequest("", "a square", "", Optional.of(FlowEdit.defaults()), mask, Optional.of(0), Optional.empty(),
                Optional.of(new ClipFit.Size(33, 32)), true, Optional.empty());
        assertThatThrownBy(() -> new VideoEditor(model).prepare(clip(9, 32, 32, 8), request))
                .isInstanceOf(RequestException.class).hasMessageContaining("source prompt is empty")
                .hasMessageContaining("0 steps").hasMessageContaining("the mask has 16 x 16 pixels, the video 32 x 32")
                .hasMessageContaining("multiples of 16");
    }

    @Test
    void aMaskOfAnotherLengthIsRefused() {
        var mask = new MaskSource.Drawn(PixelMask.of(clip(4, 32, 32, 8), false), SoftEdge.hard());
        assertThatThrownBy(() -> new VideoEditor(model).prepare(clip(9, 32, 32, 8), SQUARE.mask(mask)))
                .hasMessageContaining("the mask has 4 frames, the video 9");
    }

    @Test
    void aModelThatAnimatesPicturesIsRefused() throws IOException {
        try (var animator = VideoModel.open(TinyModels.imageToVideo(folder.resolve("i2v")))) {
            assertThatThrownBy(() -> new VideoEditor(animator).prepare(clip(9, 32, 32, 8), SQUARE))
                    .isInstanceOf(RequestException.class).hasMessageContaining("text-to-video");
        }
    }

    @Test
    void aClipOfTooManyFramesIsRefused() {
        assertThatThrownBy(() -> new VideoEditor(model).prepare(clip(1001, 16, 16, 8), SQUARE))
                .hasMessageContaining("at most 1000");
    }
}
