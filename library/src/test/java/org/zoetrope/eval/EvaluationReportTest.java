package org.zoetrope.eval;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.zoetrope.media.ContactSheet;
import org.zoetrope.media.Frames;
import org.zoetrope.media.ImageFile;
import org.zoetrope.media.MediaException;
import org.zoetrope.scenes.Background;
import org.zoetrope.scenes.PromptCase;
import org.zoetrope.scenes.Prompts;
import org.zoetrope.scenes.Split;

class EvaluationReportTest {
    private static final Frames BLANK = Frames.paint(64, 64, 8, 17, (_, _, _) -> Background.BLACK.rgb());

    private final List<PromptCase> prompts = new ArrayList<>();
    private final List<Frames> clips = new ArrayList<>();

    /// Eight seen and four unseen prompts; one of each kind is answered with a blank clip.
    EvaluationReportTest() {
        prompts.addAll(Prompts.draw(1, 8, Split.TRAIN, 1));
        prompts.addAll(Prompts.draw(1, 4, Split.HELD_OUT, 2));
        prompts.forEach(prompt -> clips.add(prompt.scene().render()));
        clips.set(0, BLANK);
        clips.set(8, BLANK);
    }

    @Test
    void sharesAreCountedByKindOfPrompt() {
        var report = EvaluationReport.of(prompts, clips);
        assertEquals(new EvaluationReport.Share(7, 8), report.allCorrect(Split.TRAIN, 1));
        assertEquals(new EvaluationReport.Share(3, 4), report.allCorrect(Split.HELD_OUT, 2));
        assertEquals(Math.sqrt(7 / 8.0 / 8 / 8), report.allCorrect(Split.TRAIN, 1).standardError(), 1e-12);
        assertEquals(0, report.allCorrect(Split.TRAIN, 2).promised());
    }

    @Test
    void theTableHasARowForEveryKindThatWasAsked() {
        var lines = EvaluationReport.of(prompts, clips).markdown().lines().toList();
        assertEquals(5, lines.size());
        assertTrue(lines.get(2).startsWith("| one object, seen | 8 | 87.5 ± 11.7 % | 87.5 % |"), lines.get(2));
        assertTrue(lines.get(3).startsWith("| two objects, unseen | 4 | 75.0 ± 21.7 % |"), lines.get(3));
        assertTrue(lines.get(4).startsWith("| all | 12 | 83.3 ± 10.8 % |"), lines.get(4));
        assertEquals(1, lines.stream().mapToLong(l -> l.chars().filter(c -> c == '|').count()).distinct().count());
    }

    @Test
    void theJsonHoldsGroupsAndClips() throws IOException {
        var root = new ObjectMapper().readTree(EvaluationReport.of(prompts, clips).json());
        assertEquals(7, root.at("/groups/0/all_correct/kept").asInt());
        assertEquals(12, root.at("/clips").size());
        assertEquals(0, root.at("/clips/0/seen/objects").size());
        assertEquals(prompts.get(9).caption().text(), root.at("/clips/9/caption").asText());
        assertTrue(root.at("/clips/9/kept/all_correct").asBoolean());
        var colour = prompts.get(1).scene().objects().getFirst().colour().word();
        assertEquals(colour, root.at("/clips/1/seen/objects/0/colour").asText());
    }

    @Test
    void theSheetShowsEveryClipWithItsVerdict(@TempDir Path folder) {
        var report = EvaluationReport.of(prompts, clips);
        var summaries = report.entries().stream().map(EvaluationReport.Entry::summary).toList();
        assertEquals(prompts.getFirst().caption().text() + ": not found", summaries.getFirst());
        assertEquals(prompts.get(1).caption().text() + ": all correct", summaries.get(1));
        var other = EvaluationReport.judge(prompts.get(1), prompts.get(3).scene().render()).summary();
        assertTrue(other.startsWith(prompts.get(1).caption().text() + ": wrong "), other);

        var file = folder.resolve("sheet.png");
        report.writeSheet(clips, new ContactSheet.Layout(5, 1), file);
        var sheet = ImageFile.read(file);
        assertTrue(sheet.height() > 12 * 64 && sheet.width() > 5 * 64, sheet.toString());
    }

    @Test
    void aClipTooFewIsReported() {
        var wrong = assertThrows(MediaException.class, () -> EvaluationReport.of(prompts, clips.subList(0, 3)));
        assertEquals("3 clips answer 12 prompts; give one clip for each prompt, in the same order", wrong.getMessage());
    }
}
