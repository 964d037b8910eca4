package org.zoetrope.pipeline;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.zoetrope.models.text.SentencePiece;
import org.zoetrope.models.text.T5Encoder;
import org.zoetrope.models.text.Tokenizer;
import org.zoetrope.models.text.Tokenizers;
import org.zoetrope.weights.ConfigException;
import org.zoetrope.weights.ConfigFile;
import org.zoetrope.weights.ConfigMap;

/// Reads the configs of a model folder and collects what is wrong with all of them.
final class FolderReader {
    private final ModelFolder folder;
    private final List<String> problems = new ArrayList<>();

    FolderReader(ModelFolder folder) {
        this.folder = folder;
    }

    /// The config of a component that every folder of its kind has.
    <C extends Record> Optional<C> config(String component, Class<C> type) {
        return read(() -> {
            var part = folder.component(component);
            return ConfigFile.read(part.folder().resolve("config.json"), type, part.className());
        });
    }

    /// The config of the network. One that takes the guidance scale as an input is refused with the reason, and not for
    /// keys that nobody knows.
    <C extends Record> Optional<C> network(Class<C> type) {
        var file = folder.component("transformer").folder().resolve("config.json");
        var distilled = read(() -> ConfigMap.read(file)).map(told -> told.has("time_cond_proj_dim")
                || told.keys().contains("guidance_embeds") && told.bool("guidance_embeds", false));
        if (distilled.equals(Optional.of(true))) {
            problems.add("%s is of a guidance-distilled network: it takes the guidance scale as an input and has no "
                    .formatted(file) + "unprompted prediction, which guidance, null-text and edits are made of; open the "
                    + "model it was distilled from");
            return Optional.empty();
        }
        return distilled.isEmpty() ? Optional.empty() : config("transformer", type);
    }

    /// The config of a component that a folder may leave out.
    <C extends Record> Optional<C> optionalConfig(String component, Class<C> type) {
        return folder.has(component) ? config(component, type) : Optional.empty();
    }

    /// What folders of all families have in common.
    ///
    /// @param textWidth what the transformer calls the width of text features, and how much it is
    Optional<Parts.Common> common(String textKey, Optional<Integer> textWidth) {
        var text = optionalConfig("text_encoder", T5Encoder.Config.class);
        var tokenizer = !folder.has("tokenizer") ? Optional.<Tokenizer>empty()
                : read(() -> Tokenizers.read(folder.component("tokenizer").folder()));
        var sampler = read(() -> SchedulerConfig.read(folder.component("scheduler").folder()));
        var samplerName = read(this::samplerName);
        text.ifPresent(t -> textWidth.ifPresent(width -> require(t.dModel() == width,
                "the text encoder gives d_model %d, the transformer takes %s %d", t.dModel(), textKey, width)));
        require(text.isPresent() == tokenizer.isPresent() || !problems.isEmpty(),
                "tokenizer and text_encoder belong together, and only one of them is there");
        text.ifPresent(t -> tokenizer
                .ifPresent(k -> require(!(k instanceof SentencePiece s) || s.size() <= t.vocabSize(),
                        "the tokenizer has more pieces than the text encoder's vocab_size %d", t.vocabSize())));
        return sampler.flatMap(s -> samplerName.map(name -> new Parts.Common(folder, text, tokenizer, s, name)));
    }

    private String samplerName() {
        var part = folder.component("scheduler");
        var file = part.folder().resolve("scheduler_config.json");
        var stored = ConfigMap.read(file).className().orElse(part.className());
        ConfigException.require(stored.equals(part.className()),
                "%s is written for a %s, and the index of the model names a %s; make them agree", file, stored,
                part.className());
        return stored;
    }

    <T> Optional<T> read(Supplier<T> reading) {
        try {
            return Optional.of(reading.get());
        } catch (ConfigException e) {
            problems.add(String.valueOf(e.getMessage()));
            return Optional.empty();
        }
    }

    void require(boolean holds, String format, Object... values) {
        if (!holds) {
            problems.add(format.formatted(values));
        }
    }

    /// @throws ConfigException with the problems of all components
    void finish() {
        if (!problems.isEmpty()) {
            throw new ConfigException(folder.path().toString(), problems);
        }
    }
}
