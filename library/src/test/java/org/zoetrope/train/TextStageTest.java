package org.zoetrope.train;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.zoetrope.models.text.Tokenizers;
import org.zoetrope.scenes.Captions;
import org.zoetrope.tensor.Scope;

class TextStageTest {
    /// Guessing costs 1.9 on average, and 1.46 whoever knows how often each answer is right; what is below that was read.
    @Test
    void theEncoderLearnsToRead(@TempDir Path folder) throws Exception {
        var vocabulary = Tokenizers.write(folder.resolve("tokenizer"), Captions.vocabulary(), Architecture.TEXT_LENGTH);
        var stage = new TextStage(CogVideoXMini.tiny().text(vocabulary), 16, 1);
        try (var _ = Scope.open()) {
            var trained = stage.train(folder.resolve("text.safetensors"), Tokenizers.read(folder.resolve("tokenizer")),
                    TrainingRun.Options.of(300, 5e-3), _ -> {});
            assertThat(mean(trained.losses().subList(0, 5))).isBetween(1.5, 2.5);
            assertThat(mean(trained.losses().subList(290, 300))).isLessThan(1.2);
            assertThat(trained.tensors().keySet()).allMatch(name -> name.startsWith(DenoiserStage.TEXT + "."));
        }
    }

    private static double mean(List<Double> losses) {
        return losses.stream().mapToDouble(Double::doubleValue).average().orElseThrow();
    }
}
