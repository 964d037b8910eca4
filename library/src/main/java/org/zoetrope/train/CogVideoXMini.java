package org.zoetrope.train;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import org.zoetrope.diffusion.Betas;
import org.zoetrope.diffusion.LossWeight;
import org.zoetrope.diffusion.NoiseSchedule;
import org.zoetrope.diffusion.Prediction;
import org.zoetrope.models.denoiser.CogVideoXTransformer;
import org.zoetrope.models.text.T5Encoder;
import org.zoetrope.models.text.TokenizedPrompt;
import org.zoetrope.models.vae.CogVideoXVae;
import org.zoetrope.scenes.Scene;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Device;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.weights.ConfigFile;
import org.zoetrope.weights.Weights;

/// A CogVideoX for clips of 17 x 64 x 64: latents of 5 x 16 x 16 with 16 channels (10 numbers become one), joined in
/// patches of 2 x 2, so that a clip is 320 tokens of 64 numbers; zero terminal SNR.
///
/// What words decide is decided early, from nearly pure noise, and three choices make room for it there. Patches are a
/// quarter as large as the transformer is wide; noise in patches of 4 x 4 would fill all of its width. Positions are
/// sine-cosine, as in 2B: rotary ones say how far tokens are apart, and in pure noise nothing says where they are. And the
/// schedule's SNR is divided by 4 (`snr_shift_scale`; 2B has 3), since an object of 60 cells x 16 channels is plain to see in
/// latents that are a tenth signal. The clean latents are predicted, which lie close together (arXiv 2511.13720).
///
/// @param vaeChannels of the autoencoder's three levels, multiples of 4
/// @param heads       attention heads of 64 channels
public record CogVideoXMini(List<Integer> vaeChannels, int heads, int layers, int textWidth, int textLayers) implements Architecture {
    private static final int CHANNELS = 16;
    private static final double BETA_START = 0.00085;
    private static final double BETA_END = 0.012;
    private static final double SNR_SHIFT = 4;

    /// The size of `models/mini`.
    public static CogVideoXMini bundled() {
        return new CogVideoXMini(List.of(16, 64, 64), 4, 6, 128, 2);
    }

    /// As small as it can be, to try the machinery.
    public static CogVideoXMini tiny() {
        return new CogVideoXMini(List.of(4, 8, 8), 1, 1, 32, 1);
    }

    private CogVideoXVae.Config vae(double scalingFactor) {
        var down = Collections.nCopies(3, "CogVideoXDownBlock3D");
        var up = Collections.nCopies(3, "CogVideoXUpBlock3D");
        return new CogVideoXVae.Config(3, 3, down, up, vaeChannels, CHANNELS, 1, "silu", 1e-6, 4, 4, Scene.SIZE, Scene.SIZE,
                scalingFactor, Optional.empty(), Optional.empty(), Optional.empty(), true, false, false, false);
    }

    private CogVideoXTransformer.Config transformer() {
        return new CogVideoXTransformer.Config(heads, 64, CHANNELS, CHANNELS, true, 0, 128, Optional.empty(), textWidth, layers, 0, true,
                16, 16, Scene.FRAMES, 2, Optional.empty(), 4, TEXT_LENGTH, "gelu-approximate", "silu", true, 1e-5, 1.0, 1.0, false, false, true);
    }

    @Override
    public Autoencoder autoencoder(Weights w) {
        return Autoencoder.of(new CogVideoXVae(vae(1), w));
    }

    @Override
    public boolean decodes(String tensor) {
        return tensor.startsWith("decoder.");
    }

    @Override
    public int latentChannels() {
        return CHANNELS;
    }

    @Override
    public LatentScale scale(LatentSet latents) {
        return LatentScale.ofFactor(latents.scalingFactor(), CHANNELS);
    }

    @Override
    public LatentScale scale(Path model) {
        var config = ConfigFile.read(model.resolve("vae/config.json"), CogVideoXVae.Config.class, "AutoencoderKLCogVideoX");
        return LatentScale.ofFactor(config.scalingFactor(), CHANNELS);
    }

    @Override
    public T5Encoder.Config text(int vocabulary) {
        return T5Encoder.Config.of(vocabulary, textWidth, 32, 2 * textWidth, textLayers, textWidth / 32);
    }

    /// The published pipeline encodes and reads padding like any other token.
    @Override
    public Tensor features(T5Encoder encoder, List<TokenizedPrompt> prompts) {
        return encoder.forward(TokenizedPrompt.ids(prompts));
    }

    @Override
    public Tensor read(List<TokenizedPrompt> prompts) {
        return Tensor.full(1, DType.FLOAT32, Device.CPU, prompts.size(), TEXT_LENGTH);
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
        var network = new CogVideoXTransformer(transformer(), w);
        return (noisy, timestep, text, pass) -> network.forward(noisy.rearrange("B C T H W -> B T C H W"), timestep, text, Optional.empty(), pass)
                .rearrange("B T C H W -> B C T H W");
    }

    @Override
    public Noising noising() {
        return new Noising.Discrete(NoiseSchedule.of(new Betas.ScaledLinear(BETA_START, BETA_END)).shiftSnr(SNR_SHIFT).zeroTerminalSnr(), 2);
    }

    @Override
    public Prediction prediction() {
        return Prediction.sample();
    }

    @Override
    public LossWeight weight() {
        return new LossWeight.Velocity(10);
    }

    @Override
    public void writeConfigs(Path model, int vocabulary, LatentScale scale) throws IOException {
        Architecture.config(model.resolve("vae"), "AutoencoderKLCogVideoX", vae(1 / scale.std()[0]));
        Architecture.config(model.resolve("transformer"), "CogVideoXTransformer3DModel", transformer());
        Architecture.config(model.resolve("text_encoder"), "T5EncoderModel", text(vocabulary));
        Files.writeString(model.resolve("scheduler/scheduler_config.json"), """
                {
                  "_class_name": "CogVideoXDDIMScheduler",
                  "beta_end": %s,
                  "beta_schedule": "scaled_linear",
                  "beta_start": %s,
                  "clip_sample": false,
                  "clip_sample_range": 1.0,
                  "num_train_timesteps": 1000,
                  "prediction_type": "sample",
                  "rescale_betas_zero_snr": true,
                  "sample_max_value": 1.0,
                  "set_alpha_to_one": true,
                  "snr_shift_scale": %s,
                  "steps_offset": 0,
                  "timestep_spacing": "trailing",
                  "trained_betas": null
                }
                """.formatted(BETA_END, BETA_START, SNR_SHIFT));
        Files.writeString(model.resolve("generation_config.json"), """
                {
                  "edit_guidance_scale": 2,
                  "edit_n_max_wide": 1,
                  "edit_source_guidance_scale": 1,
                  "guidance_scale": 2.5,
                  "steps": 25
                }
                """);
        Files.writeString(model.resolve("model_index.json"), """
                {
                  "_class_name": "CogVideoXPipeline",
                  "scheduler": ["diffusers", "CogVideoXDDIMScheduler"],
                  "text_encoder": ["transformers", "T5EncoderModel"],
                  "tokenizer": ["transformers", "T5Tokenizer"],
                  "transformer": ["diffusers", "CogVideoXTransformer3DModel"],
                  "vae": ["diffusers", "AutoencoderKLCogVideoX"]
                }
                """);
    }
}
