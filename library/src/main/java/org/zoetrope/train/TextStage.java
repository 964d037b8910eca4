package org.zoetrope.train;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import org.zoetrope.models.text.T5Encoder;
import org.zoetrope.models.text.TokenizedPrompt;
import org.zoetrope.models.text.Tokenizer;
import org.zoetrope.nn.Linear;
import org.zoetrope.scenes.Background;
import org.zoetrope.scenes.Captions;
import org.zoetrope.scenes.Colour;
import org.zoetrope.scenes.Motion;
import org.zoetrope.scenes.Promise;
import org.zoetrope.scenes.Scene;
import org.zoetrope.scenes.Shape;
import org.zoetrope.scenes.Size;
import org.zoetrope.scenes.Split;
import org.zoetrope.scenes.SplitMix64;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Rng;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.weights.Weights;

/// Teaches a text encoder what captions say before any video is seen: linear maps of each of its outputs name colour, shape,
/// motion and size of both objects, and the background. The published models come with an encoder that has read the web; one
/// that starts from nothing learns a word from video only as fast as the word lowers the error of a picture, and the colour of
/// an object is a thirtieth of what the background is.
///
/// @param captions per step
public record TextStage(Architecture architecture, T5Encoder.Config text, int captions, long seed) {
    private static final String HEADS = "heads";

    /// A question that every caption answers, with the number of answers; the last answer is that nothing is said.
    private record Question(int answers, Function<Promise, Integer> answer) {}

    private static final List<Question> QUESTIONS = questions();

    private static List<Question> questions() {
        var questions = new ArrayList<Question>();
        for (var i = 0; i < 2; i++) {
            var at = i;
            questions.add(of(Colour.values().length, promise -> object(promise, at).map(o -> o.colour().ordinal())));
            questions.add(of(Shape.values().length, promise -> object(promise, at).map(o -> o.shape().ordinal())));
            questions.add(of(Motion.values().length, promise -> object(promise, at).map(o -> o.motion().ordinal())));
            questions.add(of(Size.values().length, promise -> object(promise, at).flatMap(o -> o.size().map(Size::ordinal))));
        }
        questions.add(of(Background.values().length, promise -> promise.background().map(Background::ordinal)));
        return List.copyOf(questions);
    }

    private static Question of(int answers, Function<Promise, Optional<Integer>> answer) {
        return new Question(answers + 1, answer.andThen(a -> a.orElse(answers)));
    }

    private static Optional<Promise.Item> object(Promise promise, int at) {
        return promise.objects().size() > at ? Optional.of(promise.objects().get(at)) : Optional.empty();
    }

    /// Trains, or continues, and returns the running averages under [DenoiserStage#TEXT], which belong to the scope open now. The loss is the mean cross
    /// entropy of a question; 0 says that every output of the encoder knows everything.
    public Trained train(Path checkpoint, Tokenizer tokenizer, TrainingRun.Options options, TrainingRun.Listener listener) {
        var fresh = Weights.fresh(new Rng(seed), DType.FLOAT32, Device.CPU);
        var encoder = new T5Encoder(text, fresh.at(DenoiserStage.TEXT));
        var heads = new Linear(fresh.at(HEADS), text.dModel(), QUESTIONS.stream().mapToInt(Question::answers).sum());
        var run = new TrainingRun(checkpoint, fresh.tree(), options);
        run.run((step, part) -> loss(encoder, heads, tokenizer, step, part), listener);
        var tensors = run.averages();
        tensors.keySet().removeIf(name -> name.startsWith(HEADS));
        return new Trained(tensors, run.losses());
    }

    private Tensor loss(T5Encoder encoder, Linear heads, Tokenizer tokenizer, int step, int part) {
        var random = SplitMix64.of(~seed + part, step);
        var prompts = new ArrayList<TokenizedPrompt>();
        var promises = new ArrayList<Promise>();
        for (var i = 0; i < captions; i++) {
            var caption = Captions.draw(Scene.draw(random.nextLong(), Split.TRAIN), random);
            prompts.add(tokenizer.fit(caption.text(), Architecture.TEXT_LENGTH));
            promises.add(caption.promise());
        }
        var scores = heads.forward(architecture.features(encoder, prompts));                      // [B, L, answers of all]
        var read = architecture.read(prompts);                                                    // [B, L]
        var entropies = new ArrayList<Tensor>();
        var at = 0;
        for (var question : QUESTIONS) {
            var right = new float[captions * question.answers()];
            for (var i = 0; i < captions; i++) {
                right[i * question.answers() + question.answer().apply(promises.get(i))] = 1;
            }
            entropies.add(CrossEntropy.of(scores.narrow(-1, at, question.answers()), Tensor.of(right, captions, 1, question.answers())).times(read).sum()
                    .div(read.sum()));
            at += question.answers();
        }
        return Tensor.stack(entropies, 0).mean();
    }
}
