/// Enters: a published model folder and requests for videos.
/// Leaves: loaded samplers, networks and the runs that turn a prompt into frames.
/// Read first: `SchedulerConfig`, from a folder's `scheduler_config.json` to a sampler.
@NullMarked
package org.zoetrope.pipeline;

import org.jspecify.annotations.NullMarked;
