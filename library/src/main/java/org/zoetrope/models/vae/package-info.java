/// Published video autoencoders, one file each: frames in [-1, 1] enter and latents leave, or the other way round.
/// Both directions stream: a clip passes in chunks of frames, so that memory does not grow with its length.
/// Read `CogVideoXVae` first.
@NullMarked
package org.zoetrope.models.vae;

import org.jspecify.annotations.NullMarked;
