package org.zoetrope.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.zoetrope.Golden;
import org.zoetrope.diffusion.Guidance;
import org.zoetrope.media.Frames;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;

/// The door for requests: what is refused, with which words, and what is decided for the user.
class OrderTest {
    @TempDir static Path folder;

    static VideoModel model;
    static VideoModel learned;

    @BeforeAll
    static void open() throws IOException {
        model = VideoModel.open(TinyModels.textToVideo(folder.resolve("t2v")));
        learned = VideoModel.open(TinyModels.imageToVideo(folder.resolve("i2v")));
    }

    @AfterAll
    static void close() {
        model.close();
        learned.close();
    }

    private static final Request BOAT = Request.of("a paper boat");

    private static void refused(VideoModel model, Request request, String... words) {
        assertThatThrownBy(() -> model.estimate(request)).isInstanceOf(RequestException.class)
                .hasMessageContainingAll(words);
    }

    private static Frames clip(int frames, int width, int height) {
        return Frames.paint(width, height, 12, frames, (f, x, y) -> f * 9 << 16 | x * 5 % 256 << 8 | y * 7 % 256);
    }

    private static List<String> notices(Request request) {
        var notices = new ArrayList<String>();
        try (var _ = Scope.open()) {
            model.denoise(request.steps(1), progress -> {
                if (progress instanceof Progress.Notice(var text)) {
                    notices.add(text);
                }
            });
        }
        return notices;
    }

    @ParameterizedTest
    @CsvSource({"80, 77 or 81", "2, 1 or 5", "82, 81 or 85"})
    void framesThatTheAutoencoderCannotTakeAreAnsweredWithTheNearest(int frames, String nearest) {
        refused(model, BOAT.frames(frames),
                "%d frames; this model takes a multiple of 4 and one more: %s".formatted(frames, nearest));
    }

    @Test
    void sizesThatAreNoMultipleOfThePatchAreAnsweredWithTheNearest() {
        refused(model, BOAT.size(100, 64),
                "100 x 64 pixels; width and height must be multiples of 16: width 96 or 112, height 64");
        refused(model, BOAT.size(7, -3), "width 16, height 16");
    }

    @Test
    void everythingWrongWithARequestIsReportedTogether() {
        refused(model, BOAT.frames(80).size(100, 100).steps(0).fps(0).guidance(-1).strength(2), "7 problems",
                "80 frames", "100 x 100 pixels",
                "0 steps; give 1 to 1000", "a rate of 0.0 frames per second", "a guidance scale of -1.0; give 1",
                "there is none");
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, -0.5, 1.5, Double.NaN})
    void aStrengthOutsideItsRangeIsRefused(double strength) {
        refused(model, BOAT.frames(5).initVideo(clip(5, 32, 32)).strength(strength),
                "a strength of " + strength + "; give more than 0 and at most 1");
    }

    @Test
    void moreThanANetworkCanCountIsRefusedBeforeAnythingIsAllocated() {
        refused(model, BOAT.size(1 << 20, 1 << 20).frames(2_000_000_001), "tokens; this network can count");
    }

    /// The table of learned positions has one entry a token.
    @Test
    void learnedPositionsTakeOnlyTheirOwnSize() {
        refused(learned, BOAT.initImage(clip(1, 32, 32)).size(48, 32),
                "has learned its positions and takes only 32 x 32, 9 frames");
        refused(learned, BOAT.initImage(clip(1, 32, 32)).frames(13), "takes only 32 x 32, 9 frames");
    }

    @Test
    void aModelSaysWhatItStartsFrom() {
        refused(learned, BOAT, "this model animates a picture, and there is none");
        refused(learned, BOAT.initImage(clip(1, 32, 32)).initVideo(clip(9, 32, 32)), "not from a video");
        refused(model, BOAT.initImage(clip(1, 32, 32)), "this model does not start from a picture");
        refused(model, BOAT.frames(9).initVideo(clip(5, 32, 32)),
                "the init video has 5 frames, and 9 were asked for; ask for at most 5");
        refused(model, BOAT.strength(0.5), "strength says how much of an init video is given up, and there is none");
    }

    @Test
    void aFolderWithoutATextEncoderAsksForFeatures() {
        try (var bare = VideoModel.open(Golden.open("pipelines/cogvideox-2b-ddim").folder())) {
            refused(bare, BOAT, "this folder has no tokenizer, so it cannot read a prompt; give text features instead",
                    "cannot read a negative prompt");
        }
    }

    @Test
    void givenTensorsOfTheWrongShapeAreRefused() {
        try (var _ = Scope.open()) {
            var given = Given.nothing().prompt(Tensor.zeros(1, 24, 31)).noise(Tensor.zeros(1, 3, 4, 4, 5));
            assertThatThrownBy(() -> model.estimate(BOAT, given)).isInstanceOf(RequestException.class)
                    .hasMessageContainingAll(
                            "expected [1, L, 32]", "expected [1, 3, 4, 4, 4]");
        }
    }

    @Test
    void wordsBeyondTheLastTokenAreNamedOrRefused() {
        var text = "word ".repeat(30) + "fourteen fifteen";
        assertThat(notices(Request.of(text)).getFirst())
                .startsWith("the prompt is longer than the 24 tokens this model reads; it does not read the last ")
                .endsWith("fourteen fifteen");
        refused(model, Request.of(text).strict(true), "the prompt is longer than the 24 tokens");
        refused(model, BOAT.negativePrompt(text).strict(true), "the negative prompt is longer than the 24 tokens");
    }

    @Test
    void fiveThousandWordsEndInANoticeOfReadableLength() {
        var notice = notices(Request.of("word ".repeat(5000))).getFirst();
        assertThat(notice).contains("it does not read the last 49", "words between").hasSizeLessThan(600);
    }

    @Test
    void anEmptyPromptIsAllowedAndNoticed() {
        assertThat(notices(Request.of(" "))).containsExactly("the prompt is empty: the model shows whatever it likes");
        assertThat(notices(BOAT)).isEmpty();
        assertThat(notices(BOAT.guidance(1).negativePrompt("blur"))).containsExactly(
                "guidance 1 leaves the negative prompt out; raise it for the negative prompt to count");
    }

    @Test
    void whatIsLeftOpenIsDecidedByTheModel() {
        try (var _ = Scope.open()) {
            var recipe = model.denoise(BOAT.steps(1), ProgressListener.none()).recipe();
            assertThat(recipe)
                    .isEqualTo(new Recipe(Recipe.VERSION, "t2v", "a paper boat", "", recipe.seed(), 32, 32, 9, 8, 1,
                            "ClassifierFree[scale=6.0]", "CogVideoXDDIMScheduler", "float32", Optional.empty(),
                            Optional.empty()));
            assertThat(model.denoise(BOAT.steps(1), ProgressListener.none()).recipe().seed())
                    .isNotEqualTo(recipe.seed());
            assertThat(model.denoise(BOAT.steps(1).guidance(new Guidance.ClassifierFree(1)), ProgressListener.none())
                    .recipe().guidance()).isEqualTo("Off[]");
        }
    }

    @Test
    void aGivenClipDecidesLengthAndRateAndIsFittedToTheSize() {
        assertThat(notices(BOAT.initVideo(clip(7, 64, 32)).strength(0.5)))
                .containsExactly("the init video has 7 frames, of which the first 5 are used",
                        "the video was cropped 64 x 32 to its middle 32 x 32");
        try (var _ = Scope.open()) {
            var recipe = model.denoise(BOAT.initVideo(clip(7, 32, 32)).steps(2), ProgressListener.none()).recipe();
            assertThat(recipe.frames()).isEqualTo(5);
            assertThat(recipe.fps()).isEqualTo(12);
            assertThat(recipe.start()).contains("video");
            assertThat(recipe.strength()).contains(0.8);
        }
    }
}
