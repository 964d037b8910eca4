package org.zoetrope.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.DoubleStream;
import org.zoetrope.diffusion.LossWeight;
import org.zoetrope.diffusion.Prediction;
import org.zoetrope.diffusion.TimeSampler;
import org.zoetrope.models.denoiser.WanTransformer;
import org.zoetrope.models.text.T5Encoder;
import org.zoetrope.models.text.TokenizedPrompt;
import org.zoetrope.models.vae.WanVae;
import org.zoetrope.scenes.Scene;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.weights.ConfigFile;
import org.zoetrope.weights.Weights;

/// A Wan2.1 for clips of 17 x 64 x 64: latents of 5 x 16 x 16 with 16 channels, joined in patches of 2 x 2, so that a clip
/// is 320 tokens of 64 numbers; rectified flow with logit-normal times. A velocity is mostly noise, which has no structure:
/// tokens are kept well below the network's width.
///
/// @param vaeWidth channels of the autoencoder's first level; the others have four times as many
/// @param heads    attention heads of 64 channels
/// @param shift    of the times towards the noise, in training and in sampling
public record WanMini(int vaeWidth, int heads, int layers, int textWidth, int textLayers, double shift) implements Architecture {
    private static final int CHANNELS = 16;

    /// The size of `models/mini-flow`.
    public static WanMini bundled() {
        return new WanMini(16, 4, 6, 128, 2, 5);
    }

    /// As small as it can be, to try the machinery.
    public static WanMini tiny() {
        return new WanMini(4, 1, 1, 32, 1, 1);
    }

    private WanVae.Config vae(LatentScale scale) {
        return new WanVae.Config(vaeWidth, Optional.empty(), CHANNELS, List.of(1, 4, 4), 1, List.of(), List.of(true, true), 0,
                DoubleStream.of(scale.mean()).boxed().toList(), DoubleStream.of(scale.std()).boxed().toList(), false, 3, 3, Optional.empty(), 4, 4);
    }

    private WanTransformer.Config transformer() {
        return new WanTransformer.Config(List.of(1, 2, 2), heads, 64, CHANNELS, CHANNELS, textWidth, 128, 4 * heads * 64, layers, true,
                "rms_norm_across_heads", 1e-6, Optional.empty(), Optional.empty(), 1024, Optional.empty());
    }

    @Override
    public Autoencoder autoencoder(Weights w) {
        return Autoencoder.of(new WanVae(vae(LatentScale.ofFactor(1, CHANNELS)), w));
    }

    @Override
    public boolean decodes(String tensor) {
        return tensor.startsWith("decoder.") || tensor.startsWith("post_quant_conv.");
    }

    @Override
    public int latentChannels() {
        return CHANNELS;
    }

    @Override
    public LatentScale scale(LatentSet latents) {
        return latents.scalePerChannel();
    }

    @Override
    public LatentScale scale(Path model) {
        var config = ConfigFile.read(model.resolve("vae/config.json"), WanVae.Config.class, "AutoencoderKLWan");
        return new LatentScale(numbers(config.latentsMean()), numbers(config.latentsStd()));
    }

    private static double[] numbers(List<Double> values) {
        return values.stream().mapToDouble(Double::doubleValue).toArray();
    }

    @Override
    public T5Encoder.Config text(int vocabulary) {
        return new T5Encoder.Config(T5Encoder.ModelType.UMT5, vocabulary, textWidth, 32, 2 * textWidth, textLayers, textWidth / 32, 32, 128, 1e-6,
                "gated-gelu", Optional.empty(), Optional.empty(), 1);
    }

    /// The published pipeline encodes the prompt alone and fills its features up with zeros.
    @Override
    public Tensor features(T5Encoder encoder, List<TokenizedPrompt> prompts) {
        return encoder.forward(TokenizedPrompt.ids(prompts), TokenizedPrompt.masks(prompts)).times(read(prompts).unsqueeze(-1));
    }

    @Override
    public Tensor read(List<TokenizedPrompt> prompts) {
        return TokenizedPrompt.masks(prompts).to(DType.FLOAT32);
    }

    @Override
    public int layers() {
        return layers;
    }

    @Override
    public int width() {
        return transformer().width();
    }

    @Override
    public Denoiser denoiser(Weights w) {
        var network = new WanTransformer(transformer(), w);
        return (noisy, timestep, text, pass) -> network.forward(noisy, timestep, text, Optional.empty(), pass);
    }

    @Override
    public Noising noising() {
        return new Noising.Flow(new TimeSampler.LogitNormal(0, 1), shift);
    }

    @Override
    public Prediction prediction() {
        return Prediction.flow();
    }

    @Override
    public LossWeight weight() {
        return new LossWeight.Plain();
    }

    @Override
    public void writeConfigs(Path model, int vocabulary, LatentScale scale) throws IOException {
        Architecture.config(model.resolve("vae"), "AutoencoderKLWan", vae(scale));
        Architecture.config(model.resolve("transformer"), "WanTransformer3DModel", transformer());
        Architecture.config(model.resolve("text_encoder"), "UMT5EncoderModel", text(vocabulary));
        Files.writeString(model.resolve("scheduler/scheduler_config.json"), """
                {
                  "_class_name": "UniPCMultistepScheduler",
                  "beta_end": 0.02,
                  "beta_schedule": "linear",
                  "beta_start": 0.0001,
                  "disable_corrector": [],
                  "dynamic_thresholding_ratio": 0.995,
                  "final_sigmas_type": "zero",
                  "flow_shift": %s,
                  "lower_order_final": true,
                  "num_train_timesteps": 1000,
                  "predict_x0": true,
                  "prediction_type": "flow_prediction",
                  "rescale_betas_zero_snr": false,
                  "sample_max_value": 1.0,
                  "solver_order": 2,
                  "solver_p": null,
                  "solver_type": "bh2",
                  "steps_offset": 0,
                  "thresholding": false,
                  "timestep_spacing": "linspace",
                  "trained_betas": null,
                  "use_flow_sigmas": true,
                  "use_karras_sigmas": false
                }
                """.formatted(shift));
        Files.writeString(model.resolve("generation_config.json"), """
                {
                  "edit_guidance_scale": 2,
                  "edit_n_max_wide": 1,
                  "edit_source_guidance_scale": 1,
                  "fps": %s,
                  "frames": %d,
                  "guidance_scale": 2.5,
                  "height": %d,
                  "max_sequence_length": %d,
                  "steps": 30,
                  "width": %d
                }
                """.formatted(Scene.FPS, Scene.FRAMES, Scene.SIZE, TEXT_LENGTH, Scene.SIZE));
        Files.writeString(model.resolve("model_index.json"), """
                {
                  "_class_name": "WanPipeline",
                  "scheduler": ["diffusers", "UniPCMultistepScheduler"],
                  "text_encoder": ["transformers", "UMT5EncoderModel"],
                  "tokenizer": ["transformers", "T5TokenizerFast"],
                  "transformer": ["diffusers", "WanTransformer3DModel"],
                  "vae": ["diffusers", "AutoencoderKLWan"]
                }
                """);
    }
}
