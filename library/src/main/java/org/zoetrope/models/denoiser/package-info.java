/// Published denoising networks, one file each: noisy latents, a timestep and text features enter, a prediction of the
/// same shape as the latents leaves.
/// Networks know nothing of schedules or samplers; what the prediction means is said by the scheduler of its folder.
/// Read `CogVideoXTransformer` first.
@NullMarked
package org.zoetrope.models.denoiser;

import org.jspecify.annotations.NullMarked;
