package org.zoetrope.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.zoetrope.edit.Anchor;
import org.zoetrope.edit.AttentionControl;
import org.zoetrope.edit.Curriculum;
import org.zoetrope.edit.DecoupledGuidance;
import org.zoetrope.edit.Descent;
import org.zoetrope.edit.Editor;
import org.zoetrope.edit.FlowDirectorV1;
import org.zoetrope.edit.FlowDirectorV2;
import org.zoetrope.edit.FlowEdit;
import org.zoetrope.edit.InversionEdit;
import org.zoetrope.edit.LatentStatistics;
import org.zoetrope.edit.MaskSource;
import org.zoetrope.edit.NullText;
import org.zoetrope.edit.PixelMask;
import org.zoetrope.edit.RandomStart;
import org.zoetrope.edit.Sdedit;
import org.zoetrope.edit.SoftEdge;
import org.zoetrope.edit.VelocityMask;
import org.zoetrope.media.Frames;
import org.zoetrope.pipeline.EditDefaults;
import org.zoetrope.tensor.ShapeException;
import picocli.CommandLine;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/// The method of an edit and where it may act.
final class EditOptions {
    /// Methods by the names they are typed as.
    enum Method {
        RANDOM, SDEDIT, FLOWEDIT, FLOWDIRECTOR_V1, FLOWDIRECTOR, DDIM, DIRECT, NULL_TEXT, MULTI_FRAME, STDG,
        VIDEODIRECTOR_DIT;

        private static final Set<Method> INVERTING = EnumSet.of(DDIM, DIRECT, NULL_TEXT, MULTI_FRAME, STDG,
                VIDEODIRECTOR_DIT);

        static final class Name implements ITypeConverter<Method> {
            @Override
            public Method convert(String text) {
                for (var method : values()) {
                    if (method.typed().equalsIgnoreCase(text)) {
                        return method;
                    }
                }
                throw new TypeConversionException("no method \"%s\"; choose one of %s".formatted(text,
                        Arrays.stream(values()).map(Method::typed).collect(Collectors.joining(", "))));
            }
        }

        String typed() {
            return name().toLowerCase(Locale.ROOT).replace('_', '-');
        }
    }

    /// Corrections of FlowDirector by the names they are typed as.
    enum Part {
        DA_FC, DAG, MAD_FC;

        static final class Name implements ITypeConverter<Part> {
            @Override
            public Part convert(String text) {
                for (var part : values()) {
                    if (part.name().replace('_', '-').equalsIgnoreCase(text)) {
                        return part;
                    }
                }
                throw new TypeConversionException("FlowDirector has no part \"%s\"; choose da-fc, dag or mad-fc"
                        .formatted(text));
            }
        }
    }

    /// Sources of masks by the names they are typed as.
    enum Found {
        VELOCITY, ATTENTION, NONE
    }

    /// Optimisers of null-text by the names they are typed as.
    enum Optimiser {
        ADAM(new Descent.Adam()), PLATEAU(new Descent.Plateau(2)), LBFGS(new Descent.Lbfgs(5));

        private final Descent descent;

        Optimiser(Descent descent) {
            this.descent = descent;
        }
    }

    /// Curricula of null-text by the names they are typed as.
    enum Order {
        PLAIN(new Curriculum.Plain()), TEMPORAL(new Curriculum.Temporal(2, 1.5)), GUIDANCE(new Curriculum.Guidance()),
        BUDGET(new Curriculum.Budget()), LENGTH(new Curriculum.ClipLength());

        private final Curriculum curriculum;

        Order(Curriculum curriculum) {
            this.curriculum = curriculum;
        }
    }

    /// What STDG compares, by the names it is typed as.
    enum Compared {
        ATTENTION, MOTION, FLOW, KEYS, LATENTS
    }

    /// A rectangle typed as X,Y,WIDTH,HEIGHT.
    record Box(int left, int top, int width, int height) {
        static final class Converter implements ITypeConverter<Box> {
            @Override
            public Box convert(String text) {
                var parts = text.split(",", -1);
                if (parts.length != 4 || !text.matches("\\d{1,6}(,\\d{1,6}){3}")) {
                    throw new TypeConversionException(
                            "\"%s\" is not a box; write X,Y,WIDTH,HEIGHT in pixels, such as 10,20,64,48"
                                    .formatted(text));
                }
                return new Box(Integer.parseInt(parts[0]), Integer.parseInt(parts[1]), Integer.parseInt(parts[2]),
                        Integer.parseInt(parts[3]));
            }
        }
    }

    @Option(names = "--method", paramLabel = "NAME", converter = Method.Name.class,
            description = {"Without inversion: random, sdedit, flowedit, flowdirector-v1 or flowdirector.",
                    "By inversion: ddim (and nothing more), direct (residuals replayed), null-text, multi-frame "
                            + "(null-text for each latent frame), stdg (motion and appearance drawn to the source) or "
                            + "videodirector-dit (multi-frame, stdg and attention to the source).",
                    "(default: flowedit)"})
    private Optional<Method> method;
    @Option(names = "--strength", paramLabel = "0..1",
            description = "How much of the run sdedit takes; 0 keeps the video (default: 0.6).")
    private Optional<Double> strength;
    @Option(names = "--n-max", paramLabel = "0..1",
            description = "Share of the steps in which flowedit and flowdirector-v1 edit (default: 0.8, or what the "
                    + "model says; those bundled take 1 with flowedit where most of the clip may change).")
    private Optional<Double> nMax;
    @Option(names = "--n-min", paramLabel = "0..1",
            description = "Share of the steps, the last ones, that flowedit samples ordinarily (default: 0).")
    private Optional<Double> nMin;
    @Option(names = "--draws", paramLabel = "N",
            description = "Draws of noise averaged in each step (default: 1 of flowedit, 4 of flowdirector-v1, 3 of "
                    + "flowdirector).")
    private Optional<Integer> draws;
    @Option(names = "--iterations", paramLabel = "N",
            description = "Most optimiser steps of null-text in each step of the run (default: 10).")
    private Optional<Integer> iterations;
    @Option(names = "--frames-through", paramLabel = "MEANS",
            description = "What multi-frame gives each latent frame: text (a text of its own), keys (an offset of what "
                    + "it looks up in the text) or bias (an offset of its tokens) (default: text).")
    private Optional<NullText.Means> through;
    @Option(names = "--optimiser", paramLabel = "NAME",
            description = "Of null-text: adam, plateau (Adam that halves its rate where it stands still) or lbfgs "
                    + "(default: adam).")
    private Optional<Optimiser> optimiser;
    @Option(names = "--curriculum", paramLabel = "NAME",
            description = "In what order null-text learns: plain, temporal (all frames alike, slow changes, each "
                    + "frame), guidance (little first), budget (iterations where guidance errs most) or length (every "
                    + "second frame first) (default: plain).")
    private Optional<Order> curriculum;
    @Option(names = "--critic", paramLabel = "WEIGHT",
            description = "Weight of a critic that learns the clip in the last third of null-text, such as 0.001 "
                    + "(default: 0, none).")
    private Optional<Double> critic;
    @Option(names = "--compare-by", paramLabel = "WHAT",
            description = "What stdg compares with the source: attention (motion and keys), motion, flow (where "
                    + "things go, and keys), keys, or latents (without gradients) (default: attention).")
    private Optional<Compared> compared;
    @Option(names = "--live",
            description = "Find what stdg adds anew where the edit stands, instead of adding what brought the "
                    + "source back.")
    private boolean live;
    @Option(names = "--keep-maps", paramLabel = "0..1",
            description = "By inversion: share of the steps in which the video looks around as the source does "
                    + "(default: 0).")
    private Optional<Double> keepMaps;
    @Option(names = "--share-from", paramLabel = "0..1",
            description = "By inversion: share of the steps after which the video sees the source outside the mask "
                    + "(default: 0.2 of videodirector-dit, else 1, never).")
    private Optional<Double> shareFrom;
    @Option(names = "--keep-words", paramLabel = "0..1",
            description = "By inversion: share of the steps in which words that both prompts share are found as in the "
                    + "source (default: 0.8 of videodirector-dit, else 0).")
    private Optional<Double> keepWords;
    @Option(names = "--weigh", paramLabel = "WORDS=FACTOR", split = ",",
            description = "By inversion: how much more words of the target prompt are looked at, such as blue=2.")
    private Map<String, Double> weights = new LinkedHashMap<>();
    @Option(names = "--skip", paramLabel = "0..1",
            description = "Share of the noisiest steps that methods by inversion leave out (default: 0.02).")
    private Optional<Double> skip;
    @Option(names = "--source-guidance", paramLabel = "SCALE",
            description = "How strongly the source prompt leads without inversion (default: the model's, 1 for the "
                    + "bundled ones).")
    private Optional<Double> sourceGuidance;
    @Option(names = "--target-guidance", paramLabel = "SCALE",
            description = "How strongly the target prompt leads (default: the model's, 2 for the bundled ones).")
    private Optional<Double> targetGuidance;
    @Option(names = "--without", paramLabel = "PART", split = ",", converter = Part.Name.class,
            description = "Leave out parts of flowdirector: da-fc, dag, mad-fc.")
    private List<Part> without = new ArrayList<>();
    @Option(names = "--mask", paramLabel = "FILE",
            description = "White where the edit may act: a picture, or a video with the same frames.")
    private Optional<Path> mask;
    @Option(names = "--box", paramLabel = "X,Y,W,H", converter = Box.Converter.class,
            description = "A rectangle of pixels where the edit may act.")
    private Optional<Box> box;
    @Option(names = "--protect",
            description = "The mask or box says what stays; the edit may act everywhere else.")
    private boolean protect;
    @Option(names = "--mask-from", paramLabel = "WHERE",
            description = "Without a mask or box: velocity (where the two prompts disagree), attention or none "
                    + "(default: attention for flowdirector, none for random and sdedit, else velocity).")
    private Optional<Found> found;
    @Option(names = "--edge", paramLabel = "LAMBDA",
            description = "How steeply the mask fades around its inside, per latent cell (default: 0.25 from "
                    + "attention, else 2).")
    private Optional<Double> edge;
    @Option(names = "--no-composite",
            description = "Do not give back what the autoencoder loses outside the mask.")
    private boolean plain;

    /// Reads options that stand in one word, such as `--method flowedit --n-max 0.6`.
    ///
    /// @throws UsageException if they are not options of an edit
    static EditOptions parse(String words) {
        var options = new EditOptions();
        try {
            new CommandLine(options).setCaseInsensitiveEnumValuesAllowed(true).parseArgs(words.strip().split("\\s+"));
        } catch (CommandLine.ParameterException e) {
            throw new UsageException("\"%s\": %s", words, String.valueOf(e.getMessage()));
        }
        return options;
    }

    Optional<Method> method() {
        return method;
    }

    boolean composite() {
        return !plain;
    }

    /// @param usual what the model takes where the options say nothing
    /// @throws UsageException if options do not belong together or a value is out of range
    Editor editor(EditDefaults usual) {
        var chosen = method.orElse(Method.FLOWEDIT);
        belongs(strength.isPresent(), "--strength", chosen, Method.SDEDIT);
        belongs(nMax.isPresent(), "--n-max", chosen, Method.FLOWEDIT, Method.FLOWDIRECTOR_V1);
        belongs(nMin.isPresent(), "--n-min", chosen, Method.FLOWEDIT);
        belongs(draws.isPresent(), "--draws", chosen, Method.FLOWEDIT, Method.FLOWDIRECTOR_V1, Method.FLOWDIRECTOR);
        belongs(!without.isEmpty(), "--without", chosen, Method.FLOWDIRECTOR);
        belongs(iterations.isPresent(), "--iterations", chosen, Method.NULL_TEXT, Method.MULTI_FRAME,
                Method.VIDEODIRECTOR_DIT);
        for (var learned : Map
                .of("--optimiser", optimiser.isPresent(), "--curriculum", curriculum.isPresent(), "--critic",
                        critic.isPresent())
                .entrySet()) {
            belongs(learned.getValue(), learned.getKey(), chosen, Method.NULL_TEXT, Method.MULTI_FRAME,
                    Method.VIDEODIRECTOR_DIT);
        }
        belongs(compared.isPresent(), "--compare-by", chosen, Method.STDG, Method.VIDEODIRECTOR_DIT);
        belongs(live, "--live", chosen, Method.STDG, Method.VIDEODIRECTOR_DIT);
        if (live && compared.equals(Optional.of(Compared.LATENTS))) {
            throw new UsageException("--live is about what the network sees, and latents are always compared where the "
                    + "edit stands; leave it out");
        }
        for (var seen : Map
                .of("--keep-maps", keepMaps.isPresent(), "--share-from", shareFrom.isPresent(), "--keep-words",
                        keepWords.isPresent(), "--weigh", !weights.isEmpty())
                .entrySet()) {
            belongs(seen.getValue(), seen.getKey(), chosen, Method.INVERTING.toArray(Method[]::new));
        }
        belongs(through.isPresent(), "--frames-through", chosen, Method.MULTI_FRAME, Method.VIDEODIRECTOR_DIT);
        belongs(skip.isPresent(), "--skip", chosen, Method.INVERTING.toArray(Method[]::new));
        belongs(sourceGuidance.isPresent(), "--source-guidance", chosen, Method.FLOWEDIT, Method.FLOWDIRECTOR_V1,
                Method.FLOWDIRECTOR);
        double source = scale(sourceGuidance.orElse(usual.sourceScale()));
        double target = scale(targetGuidance.orElse(usual.targetScale()));
        try {
            return switch (chosen) {
                case RANDOM -> new RandomStart(target);
                case SDEDIT -> new Sdedit(strength.orElse(0.6), target);
                case FLOWEDIT -> flowEdit(FlowEdit.of(usual), source, target);
                case FLOWDIRECTOR_V1 -> directorAsCoded(source, target);
                case FLOWDIRECTOR -> director(source, target);
                case DDIM -> inversion(target);
                case DIRECT -> inversion(target).anchor(new Anchor.ResidualReplay());
                case NULL_TEXT -> inversion(target).anchor(nullText());
                case MULTI_FRAME -> inversion(target).anchor(multiFrame());
                case STDG -> drawn(inversion(target), NullText.defaults().iterations(0).rate(1));
                case VIDEODIRECTOR_DIT -> drawn(inversion(target), multiFrame());
            };
        } catch (ShapeException e) {
            throw new UsageException("%s", String.valueOf(e.getMessage()));
        }
    }

    private FlowEdit flowEdit(FlowEdit usual, double source, double target) {
        return new FlowEdit(nMax.orElse(usual.nMax()), nMax.orElse(usual.nMaxWide()), nMin.orElse(usual.nMin()),
                draws.orElse(usual.nAvg()), source, target);
    }

    private FlowDirectorV1 directorAsCoded(double source, double target) {
        var published = FlowDirectorV1.defaults();
        return new FlowDirectorV1(nMax.orElse(published.nMax()), draws.orElse(published.draws()), source, target);
    }

    private FlowDirectorV2 director(double source, double target) {
        var whole = FlowDirectorV2.defaults().scales(source, target);
        whole = draws.isPresent() ? whole.draws(draws.get()) : whole;
        whole = without.contains(Part.DA_FC) ? whole.withoutDirection() : whole;
        whole = without.contains(Part.DAG) ? whole.withoutAveraging() : whole;
        return without.contains(Part.MAD_FC) ? whole.withoutMotion() : whole;
    }

    private InversionEdit inversion(double guidance) {
        var plain = InversionEdit.plain(guidance);
        var begun = skip.map(plain::skipped).orElse(plain);
        var usual = method.equals(Optional.of(Method.VIDEODIRECTOR_DIT)) ? AttentionControl.defaults()
                : AttentionControl.none();
        var control = new AttentionControl(keepMaps.orElse(usual.mapsUntil()), shareFrom.orElse(usual.sharedFrom()),
                keepWords.orElse(usual.wordsUntil()), weights);
        return control.equals(AttentionControl.none()) ? begun : begun.control(control);
    }

    /// With motion and appearance drawn to the source, while null-text runs or alone.
    private InversionEdit drawn(InversionEdit plain, NullText nullText) {
        var published = live ? DecoupledGuidance.published().whereTheEditStands() : DecoupledGuidance.published();
        return switch (compared.orElse(Compared.ATTENTION)) {
            case ATTENTION -> plain.anchor(nullText.guidance(published));
            case MOTION -> plain.anchor(nullText.guidance(published.motionAlone()));
            case FLOW -> plain.anchor(nullText.guidance(published.motion(DecoupledGuidance.Motion.FLOW)));
            case KEYS -> plain.anchor(nullText.guidance(published.keysAlone()));
            case LATENTS -> (nullText.iterations() > 0 ? plain.anchor(nullText) : plain)
                    .pull(LatentStatistics.published());
        };
    }

    private NullText nullText() {
        var usual = NullText.defaults();
        return usual.iterations(iterations.orElse(usual.iterations()))
                .descent(optimiser.map(chosen -> chosen.descent).orElse(usual.descent()))
                .curriculum(curriculum.map(chosen -> chosen.curriculum).orElse(usual.curriculum()))
                .loss(usual.loss().critic(critic.orElse(0.0)));
    }

    private NullText multiFrame() {
        return nullText().layout(new NullText.Layout.PerFrame()).means(through.orElse(NullText.Means.TEXT));
    }

    private static double scale(double guidance) {
        if (!Double.isFinite(guidance) || guidance < 1) {
            throw new UsageException("a guidance scale of %s; give 1 (the prompt alone) or more", guidance);
        }
        return guidance;
    }

    private static void belongs(boolean given, String option, Method chosen, Method... owners) {
        if (given && !List.of(owners).contains(chosen)) {
            throw new UsageException(
                    "%s belongs to %s, and the method is %s%n  fix    leave it out, or add --method %s",
                    option, String.join(" and ", List.of(owners).stream().map(Method::typed).toList()), chosen.typed(),
                    owners[0].typed());
        }
    }

    /// @param clip the video
    /// @param read turns the name of a mask file into its frames
    MaskSource mask(Frames clip, Function<Path, Frames> read) {
        if (mask.isPresent() && box.isPresent()) {
            throw new UsageException("--mask and --box both say where the edit may act; give one of them");
        }
        if (found.isPresent() && (mask.isPresent() || box.isPresent())) {
            throw new UsageException("--mask-from looks for a place that --mask or --box already names; leave it out");
        }
        if (protect && mask.isEmpty() && box.isEmpty()) {
            throw new UsageException("--protect says what a mask means, and there is none; add --mask or --box");
        }
        if (edge.isPresent() && !(edge.get() >= 0)) {
            throw new UsageException("an edge of %s; give 0 (no fading) or more", edge.get());
        }
        if (mask.isPresent()) {
            return new MaskSource.Drawn(PixelMask.of(read.apply(mask.get()), protect), edge(SoftEdge.usual()));
        }
        if (box.isPresent()) {
            var b = box.get();
            return new MaskSource.Drawn(PixelMask.box(b.left(), b.top(), b.width(), b.height(), clip.width(),
                    clip.height(), protect), edge(SoftEdge.usual()));
        }
        return switch (found.orElse(byMethod())) {
            case NONE -> new MaskSource.Everywhere();
            case VELOCITY -> new MaskSource.VelocityDifference(VelocityMask.defaults(), edge(SoftEdge.usual()));
            case ATTENTION -> new MaskSource.Attention(edge(SoftEdge.published()), Optional.empty(), Optional.empty());
        };
    }

    private SoftEdge edge(SoftEdge usual) {
        return edge.map(lambda -> new SoftEdge(lambda, usual.floor())).orElse(usual);
    }

    private Found byMethod() {
        return switch (method.orElse(Method.FLOWEDIT)) {
            case RANDOM, SDEDIT -> Found.NONE;
            case FLOWEDIT, DDIM, DIRECT, NULL_TEXT, MULTI_FRAME, STDG, VIDEODIRECTOR_DIT -> Found.VELOCITY;
            case FLOWDIRECTOR_V1, FLOWDIRECTOR -> Found.ATTENTION;
        };
    }
}
