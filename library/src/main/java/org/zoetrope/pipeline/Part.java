package org.zoetrope.pipeline;

import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Torch;
import org.zoetrope.weights.LoadOptions;
import org.zoetrope.weights.Weights;

/// A component with weights: in memory from its first use to closing, or only while it is used.
final class Part<M> implements AutoCloseable {
    private final Survey<M> survey;
    private final LoadOptions options;
    private final boolean stays;
    private volatile @Nullable M model; // looked at while another thread runs it
    private Scope.@Nullable Detached weights;

    /// What is known of a component before its weights are in memory.
    ///
    /// @param stored numbers of parameters by the type they are stored in
    /// @param spared numbers of parameters that usual runs do not look at, or at few of them
    /// @param int8   numbers of parameters that are kept in eight bits, with a scale for each of `rows`; none where that is
    ///               not asked for
    record Survey<M>(ModelFolder.Component component, Optional<String> variant, Function<Weights, M> build,
            Map<DType, Long> stored, long spared, long int8, long rows) {
        // Tables of words, and what only encodes videos.
        private static final Pattern SPARED = Pattern.compile(
                "(shared|encoder\\.embed_tokens)\\.weight|encoder\\.(conv_|down_|mid_|norm_).*|quant_conv\\..*");

        /// Compares names and shapes of a checkpoint with its model, without bringing it into memory.
        ///
        /// @throws org.zoetrope.weights.WeightsException if they do not fit together
        static <M> Survey<M> of(ModelFolder.Component component, Optional<String> variant, Function<Weights, M> build) {
            return Scope.run(() -> {
                var tree = tree(component, options(variant), build);
                var spared = tree.entrySet().stream().filter(entry -> SPARED.matcher(entry.getKey()).matches())
                        .mapToLong(entry -> entry.getValue().count()).sum();
                return new Survey<>(component, variant, build, counted(tree), spared, 0, 0);
            });
        }

        private static <M> Map<String, Tensor> tree(ModelFolder.Component component, LoadOptions options,
                Function<Weights, M> build) {
            return Weights.loadTree(component.folder(), options.device(Device.META), build).tree();
        }

        private static Map<DType, Long> counted(Map<String, Tensor> tree) {
            var counts = new EnumMap<DType, Long>(DType.class);
            tree.values().forEach(tensor -> counts.merge(tensor.dtype(), tensor.count(), Long::sum));
            return counts;
        }

        /// The same with its matrices in eight bits.
        Survey<M> inInt8() {
            var counts = Scope.run(() -> counted(tree(component, options(variant).int8(true), build)));
            var all = counts.values().stream().mapToLong(Long::longValue).sum();
            return new Survey<>(component, variant, build, stored, spared, counts.getOrDefault(DType.INT8, 0L), all - parameters());
        }

        private static LoadOptions options(Optional<String> variant) {
            return variant.map(LoadOptions.asStored()::variant).orElseGet(LoadOptions::asStored);
        }

        long parameters() {
            return stored.values().stream().mapToLong(Long::longValue).sum();
        }

        long bytes(DType dtype) {
            return (parameters() - int8) * dtype.bytes() + int8 + rows * DType.FLOAT32.bytes();
        }

        Part<M> in(DType dtype, Device device, boolean stays) {
            return new Part<>(this, options(variant).dtype(dtype).device(device).int8(int8 > 0), stays);
        }
    }

    private Part(Survey<M> survey, LoadOptions options, boolean stays) {
        this.survey = survey;
        this.options = options;
        this.stays = stays;
    }

    DType dtype() {
        return options.dtype().orElseThrow();
    }

    Estimate.Part estimate() {
        return estimate(false);
    }

    /// @param whole whether the run also reads what usual runs do not
    Estimate.Part estimate(boolean whole) {
        var bytes = survey.bytes(dtype());
        var isMapped = options.device().kind() == Device.Kind.CPU && survey.stored.keySet().equals(Set.of(dtype()));
        return new Estimate.Part(survey.component.name(), survey.component.className(), survey.parameters(),
                survey.stored, bytes, isMapped && !whole ? bytes - survey.spared * dtype().bytes() : bytes);
    }

    boolean isLoaded() {
        return model != null;
    }

    /// Runs the body with the model in memory and keeps the tensors of its result.
    <R> R use(ProgressListener listener, Function<M, R> body) {
        var here = model;
        if (here != null) {
            return Scope.run(() -> body.apply(here));
        }
        var weighed = estimate();
        listener.on(new Progress.Loading(weighed.name(), weighed.bytes()));
        if (stays) {
            return Scope.run(() -> body.apply(loadToStay()));
        }
        var result = Scope.run(() -> body.apply(load()));
        Torch.giveBackMemory(); // the next component has other sizes
        return result;
    }

    private M load() {
        return Weights.load(survey.component.folder(), options, survey.build);
    }

    private M loadToStay() {
        try (var scope = Scope.open()) {
            var loaded = load();
            weights = scope.detach();
            model = loaded;
            return loaded;
        }
    }

    /// Frees the weights.
    @Override
    public void close() {
        if (weights != null) {
            weights.close();
        }
        weights = null;
        model = null;
        Torch.giveBackMemory();
    }
}
