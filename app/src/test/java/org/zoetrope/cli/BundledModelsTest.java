package org.zoetrope.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.zoetrope.cli.Typed.type;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.zoetrope.eval.Judge;
import org.zoetrope.media.VideoReader;
import org.zoetrope.scenes.Background;
import org.zoetrope.scenes.Captions;
import org.zoetrope.scenes.Colour;
import org.zoetrope.scenes.Motion;
import org.zoetrope.scenes.Promise;
import org.zoetrope.scenes.Shape;

/// Every folder in `models` does what it is bundled for.
class BundledModelsTest {
    @TempDir Path folder;

    static Stream<String> models() {
        return Installation.find().models().stream();
    }

    /// Three prompts whose answers leave no doubt; any one of them may still be drawn badly.
    @ParameterizedTest
    @MethodSource("models")
    void clipsShowWhatTheWordsSay(String model) {
        var promises = List.of(one(Colour.RED, Shape.SQUARE, Motion.RIGHT, Background.WHITE),
                one(Colour.YELLOW, Shape.TRIANGLE, Motion.UP, Background.NAVY),
                one(Colour.BLUE, Shape.CIRCLE, Motion.GROW, Background.BLACK));
        var verdicts = promises.stream().map(promise -> {
            var file = folder.resolve(promise.objects().getFirst().shape() + ".mp4");
            type("generate", Captions.plain(promise).text(), "--model", model, "--seed", 1, "-o", file).succeeds();
            return Judge.judge(VideoReader.read(file), promise);
        }).toList();
        assertThat(verdicts)
                .allMatch(verdict -> verdict.count() && verdict.colour() && verdict.background().orElseThrow());
        assertThat(verdicts.stream().filter(verdict -> verdict.allCorrect()).count()).isGreaterThanOrEqualTo(2);
    }

    private static Promise one(Colour colour, Shape shape, Motion motion, Background background) {
        return new Promise(List.of(new Promise.Item(colour, shape, motion, Optional.empty())), Optional.of(background));
    }
}
