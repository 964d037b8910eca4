/// Enters: a noise schedule, a sampler's options, starting noise and a network as a
/// [Denoiser][org.zoetrope.diffusion.Denoiser]. Leaves: clean latents, with every step on the way reported; for
/// training, noisy samples, loss targets and weights. Read first: `Level` and `Prediction` (the mathematics), then
/// `Sampler`, then the method you need, such as `Ddim`.
@NullMarked
package org.zoetrope.diffusion;

import org.jspecify.annotations.NullMarked;
