package org.zoetrope.edit;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.zoetrope.media.Frames;
import org.zoetrope.pipeline.TinyModels;
import org.zoetrope.pipeline.VideoModel;

class BlockProbeTest {
    @TempDir Path folder;

    private static Frames clip(int speed, int colour) {
        return Frames.paint(32, 32, 8, 9, (f, x, y) -> Math.abs(x - 8 - speed * f) < 5 && Math.abs(y - 16) < 5 ? colour : 0x202020);
    }

    /// Every block is asked, at every level, of both kinds of networks; a clip is no distance from itself.
    @Test
    void everyBlockIsLookedAt() throws IOException {
        for (var place : List.of(TinyModels.textToVideo(folder.resolve("joint")), TinyModels.wanTextToVideo(folder.resolve("cross")))) {
            try (var model = VideoModel.open(place)) {
                var probe = new BlockProbe(model, 4, List.of(0.9, 0.4), 1);
                var sights = probe.sights(clip(1, 0xff0000), clip(2, 0xff0000), clip(1, 0xff0000), "a red square moves");
                assertThat(sights).extracting(BlockProbe.Sight::block).containsExactly(0, 1, 0, 1);
                assertThat(sights).allSatisfy(sight -> {
                    for (var distances : List.of(sight.sites(), sight.flow(), sight.keys())) {
                        assertThat(distances.moved()).isPositive();
                        assertThat(distances.recoloured()).isZero();
                    }
                    assertThat(sight.still()).isBetween(0.0, 1.0);
                });
                var places = probe.places(clip(1, 0xff0000), clip(1, 0x0000ff), "a red square moves", "a blue square moves");
                assertThat(places).hasSize(2).allSatisfy(found -> {
                    assertThat(found.blocks()).hasSize(2).allSatisfy(overlap -> assertThat(overlap).isBetween(0.0, 1.0));
                    assertThat(found.velocity()).isBetween(0.0, 1.0);
                });
            }
        }
    }
}
