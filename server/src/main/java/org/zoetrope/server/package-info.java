/// Enters: HTTP requests of the OpenAI videos service, of the studio and of monitoring, and model folders to answer them.
/// Leaves: jobs that are recorded before they start and survive any death of the process, their progress, their videos.
/// Read first: `Server` (what is wired to what); then `JobStore` and `JobQueue` (what is never lost), `Worker` (how a job
/// becomes a video) and `VideosApi` (what clients see).
@NullMarked
package org.zoetrope.server;

import org.jspecify.annotations.NullMarked;
