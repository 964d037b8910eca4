package org.zoetrope.parity;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;
import org.zoetrope.diffusion.Denoiser;
import org.zoetrope.diffusion.FlowMatchEuler;
import org.zoetrope.diffusion.Grid;
import org.zoetrope.diffusion.Guidance;
import org.zoetrope.diffusion.Level;
import org.zoetrope.diffusion.Noise;
import org.zoetrope.diffusion.Plan;
import org.zoetrope.diffusion.Prediction;
import org.zoetrope.diffusion.Sampler;
import org.zoetrope.diffusion.Step;
import org.zoetrope.models.denoiser.CogVideoXTransformer;
import org.zoetrope.models.denoiser.WanTransformer;
import org.zoetrope.models.text.ClipTextEncoder;
import org.zoetrope.models.text.T5Encoder;
import org.zoetrope.models.vae.CogVideoXVae;
import org.zoetrope.models.vae.WanVae;
import org.zoetrope.models.vision.ClipVisionEncoder;
import org.zoetrope.pipeline.Given;
import org.zoetrope.pipeline.OpenOptions;
import org.zoetrope.pipeline.Progress;
import org.zoetrope.pipeline.ProgressListener;
import org.zoetrope.pipeline.Request;
import org.zoetrope.pipeline.SchedulerConfig;
import org.zoetrope.pipeline.VideoModel;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.weights.ConfigException;
import org.zoetrope.weights.ConfigFile;
import org.zoetrope.weights.LoadOptions;
import org.zoetrope.weights.Weights;

/// What each published class is asked to compute from the inputs of a fixture, under the names of its outputs.
final class Subjects {
    /// Computes every output of a fixture.
    interface Subject {
        SequencedMap<String, Tensor> outputs(Fixture fixture);
    }

    private static final Map<String, Subject> COMPONENTS = Map.of(
            "CogVideoXTransformer3DModel", Subjects::cogVideoXTransformer,
            "AutoencoderKLCogVideoX", Subjects::cogVideoXVae,
            "WanTransformer3DModel", Subjects::wanTransformer,
            "AutoencoderKLWan", Subjects::wanVae);
    private static final Map<String, Subject> TEXT_ENCODERS = Map.of(
            "T5EncoderModel", Subjects::t5,
            "UMT5EncoderModel", Subjects::t5,
            "CLIPTextModel", Subjects::clip,
            "CLIPVisionModel", Subjects::clipVision,
            "CLIPVisionModelWithProjection", Subjects::clipVision);
    private static final Map<String, Subject> PIPELINES = Map.of(
            "CogVideoXPipeline", Subjects::cogVideoX,
            "WanPipeline", Subjects::wan);

    private Subjects() {}

    /// The subject for a kind of fixture and its class; schedulers are read by name from their own config.
    static Optional<Subject> of(String kind, String className) {
        return switch (kind) {
            case "component" -> Optional.ofNullable(COMPONENTS.get(className));
            case "text-encoder" -> Optional.ofNullable(TEXT_ENCODERS.get(className));
            case "pipeline" -> Optional.ofNullable(PIPELINES.get(className));
            case "scheduler" -> Optional.of(Subjects::scheduler);
            default -> throw new ConfigException("a case of kind \"" + kind
                    + "\"; known are component, scheduler, text-encoder and pipeline");
        };
    }

    // ---------------------------------------------------------------- components

    private static SequencedMap<String, Tensor> cogVideoXTransformer(Fixture f) {
        var model = load(f, CogVideoXTransformer.Config.class, CogVideoXTransformer::new);
        var outputs = new LinkedHashMap<String, Tensor>();
        var x = f.in("hidden_states");
        if (f.has("in.rope_cos")) {
            var c = model.config();
            var rotary = model.rotary((x.size(1) + c.patchFrames() - 1) / c.patchFrames(), x.size(3) / c.patchSize(),
                    x.size(4) / c.patchSize());
            outputs.put("rope_cos", rotary.cos());
            outputs.put("rope_sin", rotary.sin());
        }
        outputs.put("sample", model.forward(x, f.in("timestep"), f.in("encoder_hidden_states"), f.optionalIn("ofs")));
        return outputs;
    }

    private static SequencedMap<String, Tensor> cogVideoXVae(Fixture f) {
        var model = load(f, CogVideoXVae.Config.class, CogVideoXVae::new);
        var tiling = tiling(f, model.config());
        var outputs = new LinkedHashMap<String, Tensor>();
        f.optionalIn("video").ifPresent(video -> {
            var posterior = model.encode(video, tiling);
            outputs.put("mean", posterior.mean());
            outputs.put("logvar", posterior.logVariance());
        });
        f.optionalIn("latents").ifPresent(latents -> outputs.put("decoded", model.decode(latents, tiling)));
        return outputs;
    }

    private static Optional<CogVideoXVae.Tiling> tiling(Fixture f, CogVideoXVae.Config config) {
        var a = f.arguments();
        var published = CogVideoXVae.Tiling.published(config);
        var overlap = a.optionalNumber("tile_overlap_factor");
        var named = a.keys().stream().anyMatch(key -> key.startsWith("tile_"));
        return named ? Optional.of(new CogVideoXVae.Tiling(
                a.integer("tile_sample_min_height", published.height()),
                a.integer("tile_sample_min_width", published.width()),
                overlap.orElse(a.number("tile_overlap_factor_height", published.overlapHeight())),
                overlap.orElse(a.number("tile_overlap_factor_width", published.overlapWidth()))))
                : Optional.empty();
    }

    private static SequencedMap<String, Tensor> wanTransformer(Fixture f) {
        var model = load(f, WanTransformer.Config.class, WanTransformer::new);
        var outputs = new LinkedHashMap<String, Tensor>();
        var x = f.in("hidden_states");
        if (f.has("in.rope_cos")) {
            var c = model.config();
            var rotary = model.rotary(x.size(2) / c.patch(0), x.size(3) / c.patch(1), x.size(4) / c.patch(2));
            // The reference keeps axes for batch and heads.
            outputs.put("rope_cos", rotary.cos().reshape(f.in("rope_cos").shape()));
            outputs.put("rope_sin", rotary.sin().reshape(f.in("rope_sin").shape()));
        }
        outputs.put("sample", model.forward(x, f.in("timestep"), f.in("encoder_hidden_states"),
                f.optionalIn("encoder_hidden_states_image")));
        return outputs;
    }

    private static SequencedMap<String, Tensor> wanVae(Fixture f) {
        var model = load(f, WanVae.Config.class, WanVae::new);
        var a = f.arguments();
        var named = a.keys().stream().anyMatch(key -> key.startsWith("tile_"));
        var published = WanVae.Tiling.PUBLISHED;
        var tiling = !named ? Optional.<WanVae.Tiling>empty()
                : Optional.of(new WanVae.Tiling(
                        a.integer("tile_sample_min_height", published.height()),
                        a.integer("tile_sample_min_width", published.width()),
                        a.integer("tile_sample_stride_height", published.strideHeight()),
                        a.integer("tile_sample_stride_width", published.strideWidth())));
        var outputs = new LinkedHashMap<String, Tensor>();
        f.optionalIn("video").ifPresent(video -> {
            var posterior = model.encode(video, tiling);
            outputs.put("mean", posterior.mean());
            if (f.has("out.logvar")) {
                outputs.put("logvar", posterior.logVariance());
            }
        });
        f.optionalIn("latents").ifPresent(latents -> outputs.put("decoded", model.decode(latents, tiling)));
        return outputs;
    }

    // ---------------------------------------------------------------- text encoders

    private static SequencedMap<String, Tensor> t5(Fixture f) {
        var model = load(f, T5Encoder.Config.class, T5Encoder::new);
        var outputs = new LinkedHashMap<String, Tensor>();
        var ids = f.in("input_ids");
        f.optionalIn("attention_mask").ifPresentOrElse(mask -> {
            outputs.put("last_hidden_state", model.forward(ids, mask));
            outputs.put("last_hidden_state_unmasked", model.forward(ids));
        }, () -> outputs.put("last_hidden_state", model.forward(ids)));
        return outputs;
    }

    private static SequencedMap<String, Tensor> clip(Fixture f) {
        var features = load(f, ClipTextEncoder.Config.class, ClipTextEncoder::new).forward(f.in("input_ids"));
        var outputs = new LinkedHashMap<String, Tensor>();
        outputs.put("last_hidden_state", features.hidden());
        outputs.put("pooled", features.pooled());
        return outputs;
    }

    private static SequencedMap<String, Tensor> clipVision(Fixture f) {
        var projects = f.className().endsWith("WithProjection");
        var model = load(f, ClipVisionEncoder.Config.class, (c, w) -> new ClipVisionEncoder(c, w, projects));
        var features = model.forward(f.in("pixel_values"));
        var outputs = new LinkedHashMap<String, Tensor>();
        outputs.put("last_hidden_state", features.hidden());
        outputs.put("pooler_output", features.pooled());
        outputs.put("pooled", features.pooled());
        outputs.put("penultimate", features.penultimate());
        if (projects) {
            outputs.put("image_embeds", model.projected(features));
        }
        outputs.keySet().retainAll(f.outputs());
        return outputs;
    }

    private interface Constructor<C, M> {
        M build(C config, Weights weights);
    }

    private static <C extends Record, M> M load(Fixture f, Class<C> type, Constructor<C, M> constructor) {
        var config = ConfigFile.read(f.folder().resolve("config.json"), type);
        return Weights.load(f.folder(), LoadOptions.asStored().device(f.device()),
                weights -> constructor.build(config, weights));
    }

    // ---------------------------------------------------------------- schedulers

    /// The stand-in network of the fixtures: 0.7 sin(3 x) + 0.3 t / 1000 x.
    private static Tensor standIn(Tensor x, Step step) {
        return x.times(3).sin().times(0.7).plus(x.times(0.3 * step.timestep() / 1000));
    }

    private static SequencedMap<String, Tensor> scheduler(Fixture f) {
        var steps = f.about().integer("num_inference_steps");
        var sampler = shifted(SchedulerConfig.read(f.folder()), f, steps);
        var plan = sampler.plan(steps);
        var outputs = new LinkedHashMap<String, Tensor>();
        outputs.put("timesteps", row(plan.timesteps()));
        outputs.put("sigmas", row(sigmas(sampler, plan)));

        var start = plan.fromNoise(f.in("sample"));
        var states = new ArrayList<>(List.of(start.toFloats()));
        var draws = f.optionalIn("noises").map(noises -> noises.unbind(0)).orElse(List.of()).iterator();
        sampler.sample(plan, start, (Denoiser) Subjects::standIn, from(draws), (_, x) -> states.add(x.toFloats()));
        ConfigException.require(!draws.hasNext(), "the reference of %s drew more noise than we do", f.folder());
        outputs.put("trajectory", Tensor.stack(states.stream().map(x -> Tensor.of(x, start.shape())).toList(), 0));

        f.optionalIn("add_noise").ifPresent(noise -> outputs.put("add_noise",
                plan.at(f.in("add_noise_timestep").item()).at().noisy(start, noise)));
        // Samplers of the first generation list no sigmas.
        outputs.keySet().retainAll(f.outputs());
        return outputs;
    }

    /// A shift that depends on the resolution was called with a mu that the fixture does not record. The levels give it
    /// away, each up to its rounding; with their mean, every one of them and the trajectory are then compared.
    private static Sampler shifted(Sampler sampler, Fixture f, int steps) {
        if (!(sampler instanceof FlowMatchEuler flow) || !f.has("out.sigmas")
                || !(flow.grid().shift() instanceof Grid.Flow.Shift.ByTokens shift)) {
            return sampler;
        }
        var identity = shift.exponential() ? 0 : 1;
        var unshifted = FlowMatchEuler.of(flow.grid().withMu(identity)).plan(steps).steps();
        var shifted = f.expected("sigmas").toDoubles();
        double sum = 0, weights = 0;
        for (var i = 1; i < steps; i++) {
            var before = unshifted.get(i).from().sigma();
            var odds = shifted[i] / (1 - shifted[i]) * (1 - before) / before;
            var weight = shifted[i] * (1 - shifted[i]);
            sum += weight * (shift.exponential() ? Math.log(odds) : odds);
            weights += weight;
        }
        return FlowMatchEuler.of(flow.grid().withMu(sum / weights));
    }

    /// On the straight path the reference lists the share of noise, elsewhere noise over signal.
    private static List<Double> sigmas(Sampler sampler, Plan plan) {
        var levels = new ArrayList<>(plan.steps().stream().map(Step::at).toList());
        levels.add(plan.steps().getLast().to());
        var isFlow = sampler.prediction().equals(Prediction.flow());
        return levels.stream().map(isFlow ? Level::sigma : Level::ratio).toList();
    }

    private static Noise from(Iterator<Tensor> draws) {
        return _ -> {
            ConfigException.require(draws.hasNext(), "we draw more noise than the reference did");
            return draws.next();
        };
    }

    private static Tensor row(List<Double> values) {
        var floats = new float[values.size()];
        for (var i = 0; i < floats.length; i++) {
            floats[i] = values.get(i).floatValue();
        }
        return Tensor.of(floats, floats.length);
    }

    // ---------------------------------------------------------------- pipelines

    /// Latents travel as [B, T, C, H, W], in fixtures of this family too.
    private static SequencedMap<String, Tensor> cogVideoX(Fixture f) {
        var scale = f.arguments().number("guidance_scale", 6);
        return pipeline(f, f.arguments().bool("use_dynamic_cfg", false)
                ? new Guidance.Dynamic(scale, Guidance.Clock.TIMESTEP)
                : new Guidance.ClassifierFree(scale),
                UnaryOperator.identity());
    }

    /// Fixtures of this family hold [B, C, T, H, W].
    private static SequencedMap<String, Tensor> wan(Fixture f) {
        return pipeline(f, new Guidance.ClassifierFree(f.arguments().number("guidance_scale", 5)),
                x -> x.transpose(1, 2));
    }

    /// @param swap brings latents from the fixture's order of axes to ours, and back
    private static SequencedMap<String, Tensor> pipeline(Fixture f, Guidance guidance, UnaryOperator<Tensor> swap) {
        var a = f.arguments();
        var request = Request.of("").size(a.integer("width"), a.integer("height")).frames(a.integer("num_frames"))
                .steps(a.integer("num_inference_steps")).guidance(guidance);
        var given = Given.nothing().prompt(f.in("prompt_embeds")).noise(swap.apply(f.in("latents")));
        given = f.optionalIn("negative_prompt_embeds").map(given::negativePrompt).orElse(given);
        try (var model = VideoModel.open(f.folder(), OpenOptions.defaults().dtype(DType.FLOAT32).device(f.device()))) {
            var states = new ArrayList<Supplier<Tensor>>();
            var latents = model.denoise(request, given, progress -> {
                if (progress instanceof Progress.Denoising(var done, _, var x) && done > 0) {
                    states.add(copied(x));
                }
            });
            var outputs = new LinkedHashMap<String, Tensor>();
            outputs.put("latents", Tensor.stack(states.stream().map(Supplier::get).map(swap).toList(), 0));
            var chunks = new ArrayList<Supplier<Tensor>>();
            model.pixels(latents, ProgressListener.none(), chunk -> chunks.add(copied(chunk)));
            var frames = Tensor.cat(chunks.stream().map(Supplier::get).toList(), 2);
            outputs.put("frames", frames.permute(0, 2, 1, 3, 4).times(0.5).plus(0.5).clamp(0, 1));
            return outputs;
        }
    }

    /// A tensor that is valid for now, to be made again later.
    private static Supplier<Tensor> copied(Tensor x) {
        var values = x.toFloats();
        var shape = x.shape();
        return () -> Tensor.of(values, shape);
    }
}
