package org.zoetrope.scenes;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.function.Function;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class EditCasesTest {
    @Test
    void kindsComeInTurnAndASeedFixesThem() {
        var cases = EditCases.draw(1, 60);
        assertThat(cases).hasSize(60).isEqualTo(EditCases.draw(1, 60)).isNotEqualTo(EditCases.draw(2, 60));
        for (var kind : EditKind.values()) {
            assertThat(cases.stream().filter(edit -> edit.kind() == kind)).hasSize(12);
        }
        assertThat(EditCases.draw(1, 7)).isEqualTo(cases.subList(0, 7));
    }

    /// One thing differs, and everything that is named belongs to what training shows.
    @Test
    void anEditChangesWhatItsKindSaysAndNothingElse() {
        for (var edit : EditCases.draw(3, 100)) {
            var before = edit.source().objects();
            var after = edit.target().objects();
            assertThat(after).hasSameSizeAs(before);
            assertThat(after).extracting(SceneObject::track).isEqualTo(before.stream().map(SceneObject::track).toList());
            assertThat(after).allMatch(object -> !object.combination().isHeldOut());
            assertThat(after).extracting(SceneObject::colour).doesNotHaveDuplicates();
            var colours = differing(edit, SceneObject::colour);
            var shapes = differing(edit, SceneObject::shape);
            var background = edit.source().background() != edit.target().background();
            switch (edit.kind()) {
                case RECOLOUR -> assertThat(colours == 1 && shapes == 0 && !background && before.size() == 1).isTrue();
                case RECOLOUR_ONE_OF_TWO ->
                    assertThat(colours == 1 && shapes == 0 && !background && before.size() == 2).isTrue();
                case RESHAPE -> assertThat(colours == 0 && shapes == 1 && !background).isTrue();
                case CHANGE_BACKGROUND -> assertThat(colours == 0 && shapes == 0 && background).isTrue();
                case ADD_NOTHING -> {
                    assertThat(edit.target()).isEqualTo(edit.source());
                    assertThat(edit.to()).isEqualTo(edit.from());
                }
            }
            assertThat(edit.from().text()).contains(edit.source().background().word());
        }
    }

    private static long differing(EditCase edit, Function<SceneObject, Object> part) {
        return IntStream.range(0, edit.source().objects().size()).filter(i -> !part
                .apply(edit.source().objects().get(i)).equals(part.apply(edit.target().objects().get(i)))).count();
    }
}
