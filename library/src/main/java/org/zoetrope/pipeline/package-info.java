/// Enters: a published model folder and requests for videos.
/// Leaves: frames with the recipe that made them, and on the way latents that can be saved and decoded later.
/// Read first: `VideoModel`; then `ModelFolder` (the door for folders), `Order` (the door for requests) and
/// `SchedulerConfig`, from a folder's `scheduler_config.json` to a sampler.
@NullMarked
package org.zoetrope.pipeline;

import org.jspecify.annotations.NullMarked;
