package org.zoetrope.house;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.Dependency;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.domain.JavaPackage;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.Location;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/// The rooms of the house and the arrows between them. A new arrow is a changed line in this table.
class RoomsTest {
    /// Each room, and the rooms it looks at. `models` stands for the four rooms of published architectures, which do
    /// not look at each other.
    private static final String ROOMS = """
            tensor          :
            weights         : tensor
            nn              : weights tensor
            models.text     : nn weights tensor
            models.vae      : nn weights tensor
            models.denoiser : nn weights tensor
            models.vision   : nn weights tensor
            diffusion       : tensor
            media           : tensor
            scenes          : media
            hub             :
            pipeline        : models diffusion media nn weights tensor
            edit            : pipeline models diffusion media nn weights tensor
            parity          : pipeline models diffusion media nn weights tensor
            eval            : models.vision scenes media weights tensor
            train           : pipeline models diffusion scenes media nn weights tensor
            bench           : pipeline models weights tensor
            server          : edit pipeline diffusion media weights tensor
            cli             : server train edit eval parity bench pipeline \
            hub models diffusion scenes media nn weights tensor
            """;

    private static final String ROOT = "org.zoetrope.";
    private static final Repository REPOSITORY = Repository.find();
    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(RoomsTest::isMain)
            .importPackages("org.zoetrope");

    @TestFactory
    Stream<DynamicTest> aRoomLooksOnlyWhereTheTableSays() {
        return table().entrySet().stream().map(row -> DynamicTest.dynamicTest(row.getKey(), () -> {
            var allowed = Stream.concat(Stream.of(row.getKey()), row.getValue().stream())
                    .map(room -> ROOT + room + "..").toArray(String[]::new);
            var elsewhere = DescribedPredicate.not(resideInAnyPackage(allowed))
                    .and(resideInAnyPackage("org.zoetrope.."));
            noClasses().that().resideInAPackage(ROOT + row.getKey() + "..")
                    .should().dependOnClassesThat(elsewhere)
                    .because("this room may look at " + row.getValue() + " alone")
                    .allowEmptyShould(true)
                    .check(CLASSES);
        }));
    }

    @Test
    void everyClassIsInARoom() {
        var rooms = table().keySet().stream().map(room -> ROOT + room + "..").toArray(String[]::new);
        classes().should().resideInAnyPackage(rooms).check(CLASSES);
    }

    /// Two papers share bricks through `nn`; each published network or autoencoder stays one file one can read alone.
    @TestFactory
    Stream<DynamicTest> publishedArchitecturesDoNotImportEachOther() {
        return Stream.of("models.vae", "models.denoiser").map(room -> DynamicTest.dynamicTest(room, () -> {
            var arrows = CLASSES.stream()
                    .filter(type -> type.getPackageName().equals(ROOT + room))
                    .flatMap(type -> type.getDirectDependenciesFromSelf().stream())
                    .filter(arrow -> arrow.getTargetClass().getPackageName().equals(ROOT + room))
                    .filter(arrow -> isPublished(arrow.getTargetClass()))
                    .filter(arrow -> !file(arrow.getOriginClass()).equals(file(arrow.getTargetClass())))
                    .map(Dependency::getDescription);
            assertThat(arrows).isEmpty();
        }));
    }

    @Test
    void onlyTensorNamesLibtorch() {
        noClasses().that().resideOutsideOfPackage(ROOT + "tensor..")
                .should().dependOnClassesThat().resideInAPackage("org.bytedeco.pytorch..").check(CLASSES);
    }

    @Test
    void onlyMediaNamesFfmpeg() {
        noClasses().that().resideOutsideOfPackage(ROOT + "media..")
                .should().dependOnClassesThat().resideInAnyPackage("org.bytedeco.ffmpeg..", "org.bytedeco.javacv..")
                .check(CLASSES);
    }

    /// A library returns values and tells listeners; printing belongs to the apps.
    @Test
    void onlyTheAppsPrint() {
        noClasses().that().resideOutsideOfPackage(ROOT + "cli..")
                .should().accessField(System.class, "out").orShould().accessField(System.class, "err")
                .orShould().callMethod(Throwable.class, "printStackTrace").check(CLASSES);
    }

    @Test
    void onlyTheAppsEndTheProcess() {
        noClasses().that().resideOutsideOfPackage(ROOT + "cli..")
                .should().callMethod(System.class, "exit", int.class).check(CLASSES);
    }

    @Test
    void everyPackageIsNullMarked() {
        var unmarked = CLASSES.stream().map(JavaClass::getPackage).distinct()
                .filter(room -> !room.isAnnotatedWith(NullMarked.class))
                .map(JavaPackage::getName);
        assertThat(unmarked).as("packages without a @NullMarked package-info.java").isEmpty();
    }

    /// Whether a class file comes from main sources, wherever a build put it.
    private static boolean isMain(Location location) {
        var path = location.asURI().toString();
        var name = path.substring(path.lastIndexOf("org/zoetrope/")).replaceAll("(\\$.*)?\\.class$", ".java");
        return Repository.MODULES.stream()
                .anyMatch(module -> Files.exists(REPOSITORY.root().resolve(module + "/src/main/java/" + name)));
    }

    private static Map<String, List<String>> table() {
        var table = new LinkedHashMap<String, List<String>>();
        ROOMS.lines().map(line -> line.split(":", 2)).forEach(row -> table.put(row[0].strip(),
                Arrays.stream(row[1].strip().split(" +")).filter(room -> !room.isEmpty()).toList()));
        return table;
    }

    private static boolean isPublished(JavaClass type) {
        return outermost(type).getModifiers().contains(JavaModifier.PUBLIC);
    }

    private static String file(JavaClass type) {
        return outermost(type).getName();
    }

    private static JavaClass outermost(JavaClass type) {
        return type.getEnclosingClass().map(RoomsTest::outermost).orElse(type);
    }
}
