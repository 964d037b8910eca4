package org.zoetrope.server;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Base64;
import java.util.List;

/// Jobs as clients see them: the video object of OpenAI with its exact types, and our own fields beside it.
final class VideoJson {
    private static final JsonMapper JSON = new JsonMapper();
    private static final long MILLIS = 1000;

    private VideoJson() {}

    static ObjectNode object() {
        return JSON.createObjectNode();
    }

    /// @param ahead jobs that run before this one, if it waits
    static ObjectNode video(Job job, Live live, int ahead) {
        var w = job.wanted();
        var json = JSON.createObjectNode()
                .put("id", job.id())
                .put("object", "video")
                .put("created_at", job.createdAt() / MILLIS)
                .put("status", job.status().word())
                .put("model", job.asked())
                .put("prompt", w.prompt())
                .put("seconds", job.seconds())
                .put("size", job.size());
        job.completedAt().ifPresentOrElse(t -> json.put("completed_at", t / MILLIS), () -> json.putNull("completed_at"));
        json.putNull("expires_at");
        job.source().ifPresentOrElse(id -> json.put("remixed_from_video_id", id),
                () -> json.putNull("remixed_from_video_id"));
        job.failure().ifPresentOrElse(
                failure -> json.putObject("error").put("code", failure.code()).put("message", failure.message()),
                () -> json.putNull("error"));
        var moment = live.moment(job.id()).filter(_ -> job.status() == Job.Status.IN_PROGRESS);
        json.put("progress", (int) moment.map(Live.Moment::progress).orElse(job.progress()));
        json.put("stage", moment.map(Live.Moment::stage).orElse(job.stage()));
        json.put("step", (int) moment.map(Live.Moment::step).orElse(job.step()));
        json.put("total_steps", (int) moment.map(Live.Moment::steps).orElse(job.steps()));
        if (job.status() == Job.Status.QUEUED) {
            json.put("queue_position", ahead);
        }
        json.put("kind", job.kind().name().toLowerCase(java.util.Locale.ROOT));
        json.put("made_by", job.model()).put("negative_prompt", w.negativePrompt()).put("seed", w.seed())
                .put("steps", w.steps()).put("guidance_scale", w.guidanceScale()).put("num_frames", w.frames())
                .put("fps", w.fps()).put("width", w.width()).put("height", w.height());
        json.put("speed", w.tiers().words());
        w.reuseThreshold().ifPresent(threshold -> json.put("reuse_threshold", threshold));
        w.strength().ifPresent(strength -> json.put("strength", strength));
        json.put("uploaded", job.isUploaded());
        w.edit().ifPresent(edit -> json.put("method", edit.method().word()).put("source_prompt", edit.sourcePrompt()));
        job.notices().forEach(json.putArray("notices")::add);
        return json;
    }

    static ObjectNode list(List<ObjectNode> videos, boolean hasMore) {
        var json = JSON.createObjectNode().put("object", "list").put("has_more", hasMore);
        if (videos.isEmpty()) {
            json.putNull("first_id").putNull("last_id");
        } else {
            json.put("first_id", videos.getFirst().path("id").asText())
                    .put("last_id", videos.getLast().path("id").asText());
        }
        json.putArray("data").addAll(videos);
        return json;
    }

    static ObjectNode deleted(String id) {
        return deleted(id, "video");
    }

    static ObjectNode deleted(String id, String kind) {
        return JSON.createObjectNode().put("id", id).put("object", kind + ".deleted").put("deleted", true);
    }

    /// The fields of OpenAI's character, and no others.
    static ObjectNode character(Characters.Entry one) {
        return JSON.createObjectNode().put("id", one.id()).put("name", one.name()).put("created_at",
                one.createdAt() / MILLIS);
    }

    static ObjectNode error(ApiException e, String requestId) {
        var json = JSON.createObjectNode();
        var error = json.putObject("error").put("message", e.getMessage()).put("type", e.type()).put("code", e.code())
                .put("request_id", requestId);
        e.param().ifPresentOrElse(param -> error.put("param", param), () -> error.putNull("param"));
        return json;
    }

    /// What a client that watches is told.
    static ObjectNode moment(Live.Moment moment) {
        var json = JSON.createObjectNode().put("stage", moment.stage()).put("step", moment.step())
                .put("total_steps", moment.steps()).put("progress", moment.progress());
        moment.preview().ifPresent(preview -> json.putObject("preview")
                .put("image", "data:image/png;base64," + Base64.getEncoder().encodeToString(preview.png()))
                .put("width", preview.width()).put("height", preview.height()).put("frames", preview.frames())
                .put("fps", preview.fps()));
        return json;
    }
}
