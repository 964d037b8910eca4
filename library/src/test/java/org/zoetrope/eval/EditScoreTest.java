package org.zoetrope.eval;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;
import org.zoetrope.media.Frames;
import org.zoetrope.scenes.EditCase;
import org.zoetrope.scenes.EditCases;
import org.zoetrope.scenes.EditKind;

class EditScoreTest {
    private static final List<EditCase> CASES = EditCases.draw(5, 20);

    /// The perfect answer: everything promised, nothing else touched, in its place.
    @Test
    void theTrueEditScoresFully() {
        var right = 0;
        for (var edit : CASES) {
            var source = edit.source().render();
            var score = EditScore.of(edit, source, edit.target().render(), source);
            right += score.verdict().allCorrect() ? 1 : 0;
            assertThat(score.kept()).isEqualTo(60);
            assertThat(score.lost()).isZero();
            assertThat(score.trackError().orElseThrow()).isLessThan(0.5);
            assertThat(score.flicker()).isEqualTo(score.trueFlicker());
        }
        assertThat(right).isGreaterThanOrEqualTo(19);
    }

    /// An editor that does nothing keeps everything and adheres only where nothing was asked.
    @Test
    void doingNothingAdheresOnlyWhereNothingWasAsked() {
        for (var edit : CASES) {
            var source = edit.source().render();
            var score = EditScore.of(edit, source, source, source);
            assertThat(score.kept()).isEqualTo(60);
            assertThat(score.verdict().allCorrect()).isEqualTo(edit.kind() == EditKind.ADD_NOTHING);
        }
    }

    /// Noise of a known strength outside the object is measured as such; what the edit is about does not count.
    @Test
    void keptMeasuresWhatShouldNotHaveChanged() {
        var edit = CASES.stream().filter(c -> c.kind() == EditKind.RECOLOUR).findFirst().orElseThrow();
        var source = edit.source().render();
        var truth = edit.target().render();
        var off = Frames.paint(64, 64, 8, source.count(), (f, x, y) -> darker(truth.pixel(f, x, y)));
        assertThat(EditScore.of(edit, source, off, truth).kept()).isCloseTo(10 * Math.log10(255 * 255 / 16.0), within(0.7));
        assertThat(EditScore.of(edit, source, off, truth).codecKept()).isEqualTo(60);
    }

    private static int darker(int rgb) {
        var out = 0;
        for (var shift = 0; shift <= 16; shift += 8) {
            var level = rgb >> shift & 0xff;
            out |= (level >= 128 ? level - 4 : level + 4) << shift;
        }
        return out;
    }

    /// An object that went elsewhere is found elsewhere, and one that vanished is lost.
    @Test
    void tracksAreComparedWithTheSource() {
        var edit = CASES.stream().filter(c -> c.kind() == EditKind.RECOLOUR).findFirst().orElseThrow();
        var source = edit.source().render();
        var blank = Frames.paint(64, 64, 8, source.count(), (_, _, _) -> edit.source().background().rgb());
        var gone = EditScore.of(edit, source, blank, source);
        assertThat(gone.lost()).isEqualTo(1);
        assertThat(gone.trackError()).isEmpty();
        var shifted = Frames.paint(64, 64, 8, source.count(), (f, x, y) -> x < 3 ? edit.source().background().rgb()
                : source.pixel(f, x - 3, y));
        assertThat(EditScore.of(edit, source, shifted, source).trackError().orElseThrow()).isCloseTo(3, within(0.4));
    }

    @Test
    void theTableHasARowForEachMethod() {
        var scores = CASES.stream().map(edit -> EditScore.of(edit, edit.source().render(), edit.target().render(),
                edit.source().render())).toList();
        var report = new EditReport(List.of(new EditReport.Row("oracle", scores, OptionalDouble.of(0.75), 160, 1.5)));
        assertThat(report.markdown()).contains("| oracle | 20 |").contains("60.00 (60.00)")
                .contains("| 0.75 | 160 | 1.5 |").contains("recolour one of two");
        assertThat(report.json()).contains("\"kept_psnr\" : 60").contains("\"method\" : \"oracle\"");
    }
}
