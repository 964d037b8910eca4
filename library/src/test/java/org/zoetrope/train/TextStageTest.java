package org.zoetrope.train;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.zoetrope.models.text.T5Encoder;
import org.zoetrope.models.text.Tokenizers;
import org.zoetrope.scenes.Captions;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.weights.Weights;

class TextStageTest {
    /// Guessing costs 1.9 on average, and 1.46 whoever knows how often each answer is right; what is below that was read.
    @Test
    void theEncoderLearnsToRead(@TempDir Path folder) throws Exception {
        var vocabulary = Tokenizers.write(folder.resolve("tokenizer"), Captions.vocabulary(), Architecture.TEXT_LENGTH);
        var stage = new TextStage(CogVideoXMini.tiny(), CogVideoXMini.tiny().text(vocabulary), 16, 1);
        try (var _ = Scope.open()) {
            var trained = stage.train(folder.resolve("text.safetensors"), Tokenizers.read(folder.resolve("tokenizer")),
                    TrainingRun.Options.of(300, 5e-3), _ -> {});
            assertThat(mean(trained.losses().subList(0, 5))).isBetween(1.5, 2.5);
            assertThat(mean(trained.losses().subList(290, 300))).isLessThan(1.2);
            assertThat(trained.tensors().keySet()).allMatch(name -> name.startsWith(DenoiserStage.TEXT + "."));
        }
    }

    /// A denoiser must be trained under the features that its pipeline will give it: those of CogVideoX read padding, those of
    /// Wan are zero behind the prompt, and the words before do not see it.
    @Test
    void featuresAreThoseOfThePublishedPipelines(@TempDir Path folder) throws Exception {
        var vocabulary = Tokenizers.write(folder.resolve("tokenizer"), Captions.vocabulary(), Architecture.TEXT_LENGTH);
        var tokenizer = Tokenizers.read(folder.resolve("tokenizer"));
        var prompts = Stream.of("a red circle moves right", "", "a small blue star bounces on a white background")
                .map(prompt -> tokenizer.fit(prompt, Architecture.TEXT_LENGTH)).toList();
        try (var _ = Scope.open()) {
            for (var architecture : List.of(CogVideoXMini.tiny(), WanMini.tiny())) {
                var encoder = new T5Encoder(architecture.text(vocabulary), Weights.fresh(new Rng(1), DType.FLOAT32, Device.CPU));
                var features = architecture.features(encoder, prompts);
                assertThat(features.shape()).containsExactly(3, Architecture.TEXT_LENGTH, 32);
                for (var i = 0; i < prompts.size(); i++) {
                    var prompt = prompts.get(i);
                    var length = architecture instanceof WanMini ? prompt.length() : Architecture.TEXT_LENGTH;
                    var ids = Arrays.stream(prompt.ids()).limit(length).asLongStream().toArray();
                    var alone = encoder.forward(Tensor.of(ids, 1, length)).pad(0, 0, 0, 0, Architecture.TEXT_LENGTH - length);
                    assertThat(features.narrow(0, i, 1).minus(alone).abs().max().item()).isLessThan(1e-5);
                }
            }
        }
    }

    private static double mean(List<Double> losses) {
        return losses.stream().mapToDouble(Double::doubleValue).average().orElseThrow();
    }
}
