package org.zoetrope.eval;

import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import org.zoetrope.media.Frames;
import org.zoetrope.scenes.EditCase;
import org.zoetrope.scenes.SceneObject;

/// How well an edit with a known answer was done.
///
/// @param verdict    whether the clip shows what the target words promise
/// @param kept       PSNR in dB, against the source, of what the edit should leave alone; 60 where it is equal
/// @param codecKept  the same for the source after encoding and decoding alone, which no edit can be better than
///                   without putting the loss back
/// @param trackError mean distance in pixels of the objects from their true places; empty if none was found
/// @param lost       objects that were not found
/// @param flicker    of the edit, see [Flicker]
/// @param trueFlicker of the clip that would be the perfect answer
public record EditScore(EditCase edit, Verdict verdict, double kept, double codecKept, OptionalDouble trackError,
        int lost, double flicker, double trueFlicker) {
    private static final double EQUAL = 60;
    private static final double PEAK = 255;
    private static final int MARGIN = 2;

    /// Scores an edit.
    ///
    /// @param source the clip that was edited: the source scene
    /// @param edited what came back, of the same size and length
    /// @param codec  the source after encoding and decoding alone
    public static EditScore of(EditCase edit, Frames source, Frames edited, Frames codec) {
        Alike.check(source, edited);
        Alike.check(source, codec);
        var plain = edit.source().render(source.count(), source.width(), source.fps());
        var truth = edit.target().render(source.count(), source.width(), source.fps());
        var seen = Observation.of(edited);
        var tracks = edit.source().objects().stream().map(object -> error(object, seen.objects(), source.height()))
                .flatMap(Optional::stream).toList();
        return new EditScore(edit, Judge.compare(seen, edit.to().promise()), kept(source, edited, plain, truth),
                kept(source, codec, plain, truth), tracks.stream().mapToDouble(Double::doubleValue).average(),
                edit.source().objects().size() - tracks.size(), flicker(edited), flicker(truth));
    }

    private static double flicker(Frames clip) {
        return clip.count() < 3 ? 0 : Flicker.of(clip);
    }

    /// The mean distance of the thing that stays nearest to an object's track.
    private static Optional<Double> error(SceneObject object, List<Observation.Thing> things, int height) {
        return things.stream().map(thing -> thing.path().stream().mapToDouble(sighting -> {
            var pose = object.track().at(sighting.t());
            return height * Math.hypot(sighting.x() - pose.x(), sighting.y() - pose.y());
        }).average().orElseThrow()).min(Comparator.naturalOrder());
    }

    /// The PSNR where the scene before and the scene after the edit agree, in a margin around each pixel as well.
    private static double kept(Frames source, Frames clip, Frames before, Frames after) {
        double sum = 0;
        long count = 0;
        for (var f = 0; f < source.count(); f++) {
            for (var y = 0; y < source.height(); y++) {
                for (var x = 0; x < source.width(); x++) {
                    if (!agree(before, after, f, x, y)) {
                        continue;
                    }
                    int was = source.pixel(f, x, y), is = clip.pixel(f, x, y);
                    for (var shift = 0; shift <= 16; shift += 8) {
                        double off = (was >> shift & 0xff) - (is >> shift & 0xff);
                        sum += off * off;
                        count++;
                    }
                }
            }
        }
        return count == 0 || sum == 0 ? EQUAL : Math.min(EQUAL, 10 * Math.log10(PEAK * PEAK * count / sum));
    }

    private static boolean agree(Frames before, Frames after, int frame, int x, int y) {
        for (var v = Math.max(0, y - MARGIN); v <= Math.min(before.height() - 1, y + MARGIN); v++) {
            for (var u = Math.max(0, x - MARGIN); u <= Math.min(before.width() - 1, x + MARGIN); u++) {
                if (before.pixel(frame, u, v) != after.pixel(frame, u, v)) {
                    return false;
                }
            }
        }
        return true;
    }
}
