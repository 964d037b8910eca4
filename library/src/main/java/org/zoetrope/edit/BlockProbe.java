package org.zoetrope.edit;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.function.BiFunction;
import java.util.stream.IntStream;
import org.zoetrope.diffusion.FlowForm;
import org.zoetrope.diffusion.Step;
import org.zoetrope.edit.DecoupledGuidance.Features;
import org.zoetrope.edit.DecoupledGuidance.Motion;
import org.zoetrope.media.Frames;
import org.zoetrope.nn.AttentionTap;
import org.zoetrope.nn.Pass;
import org.zoetrope.pipeline.ProgressListener;
import org.zoetrope.pipeline.VideoModel;
import org.zoetrope.tensor.DType;
import org.zoetrope.tensor.Scope;
import org.zoetrope.tensor.Tensor;
import org.zoetrope.tensor.Tensors;
import org.zoetrope.tensor.Torch;

/// What the blocks of a model see: which of them tell motion from appearance, and which know where words are. Guidance by
/// attention and masks from attention each watch some blocks; this measures which, on clips whose answer is known.
public final class BlockProbe {
    private final VideoModel model;
    private final FlowForm form;
    private final List<Double> sigmas;
    private final Draws draws;

    /// @param steps  of the run whose levels are looked at
    /// @param sigmas levels of noise; each is taken at the nearest step
    /// @param seed   of the noise
    public BlockProbe(VideoModel model, int steps, List<Double> sigmas, long seed) {
        this.model = model;
        form = FlowForm.of(model.sampler(), steps);
        this.sigmas = List.copyOf(sigmas);
        draws = Draws.of(seed);
    }

    /// How far a clip that moves otherwise, and one that has another colour, are from a clip, as a feature sees it.
    public record Distances(double moved, double recoloured) {
        /// The distances of several clips together.
        public Distances plus(Distances other) {
            return new Distances(moved + other.moved, recoloured + other.recoloured);
        }
    }

    /// What one block sees at one level.
    ///
    /// @param sites S1, how a place looks at itself in other frames
    /// @param flow  S2m, where else it looks
    /// @param keys  K, means of keys
    /// @param still share of places and frames that look at themselves most
    public record Sight(int block, double sigma, Distances sites, Distances flow, Distances keys, double still) {}

    /// Compares a clip with two others under the same noise and the words of the first.
    ///
    /// @return blocks in their order for each level
    public List<Sight> sights(Frames clip, Frames moved, Frames recoloured, String words) {
        return looked(List.of(clip, moved, recoloured), List.of(words), (latents, branches) -> {
            var all = new ArrayList<Sight>();
            for (var sigma : sigmas) {
                all.addAll(Scope.run(() -> sights(latents, branches.getFirst(), sigma)));
            }
            return all;
        });
    }

    private List<Sight> sights(List<Tensor> latents, Branch branch, double sigma) {
        var step = task(latents.getFirst(), branch, branch).nearest(sigma);
        var grid = TokenGrid.of(model.geometry());
        var noise = draws.noise(step.index(), 0, latents.getFirst());
        var seen = latents.stream().map(x -> {
            var blocks = new ArrayList<Both>();
            watch(branch, step.at().noisy(x, noise), step, (site, block) -> {
                if (site.kind() != AttentionTap.Kind.CROSS) {
                    var both = Both.of(block, site, grid, x);
                    both.tensors().forEach(Scope::disown); // the scope of a block ends before the call does
                    blocks.add(both);
                }
            });
            return blocks;
        }).toList();
        try {
            return IntStream.range(0, seen.getFirst().size()).mapToObj(at -> Scope.run(() -> {
                Both clip = seen.get(0).get(at), moved = seen.get(1).get(at), recoloured = seen.get(2).get(at);
                return new Sight(clip.block, sigma,
                        new Distances(motion(clip.sites, moved.sites), motion(clip.sites, recoloured.sites)),
                        new Distances(motion(clip.flow, moved.flow), motion(clip.flow, recoloured.flow)),
                        new Distances(keys(clip.sites, moved.sites), keys(clip.sites, recoloured.sites)),
                        DecoupledGuidance.still(clip.sites));
            })).toList();
        } finally {
            seen.forEach(blocks -> blocks.forEach(both -> both.tensors().forEach(Tensor::close)));
        }
    }

    /// What one block sees, by both features of motion.
    private record Both(int block, Features sites, Features flow) implements Tensors {
        static Both of(int block, AttentionTap.Site site, TokenGrid grid, Tensor x) {
            int frames = grid.frames(x.size(1)), rows = (int) x.size(3) / grid.patch(), columns = (int) x.size(4) / grid.patch();
            return new Both(block, Features.of(site, Motion.SITES, frames, rows, columns),
                    Features.of(site, Motion.FLOW, frames, rows, columns));
        }

        @Override
        public List<Tensor> tensors() {
            var all = new ArrayList<>(sites.tensors());
            all.addAll(flow.tensors());
            return all;
        }
    }

    private static double motion(Features reference, Features seen) {
        return DecoupledGuidance.motion(reference, seen, everywhere(reference)).item();
    }

    private static double keys(Features reference, Features seen) {
        return DecoupledGuidance.published().appearance(reference, seen, everywhere(reference)).item();
    }

    private static Tensor everywhere(Features like) {
        return Tensor.ones(like.keys().size(0), like.keys().size(1)).like(like.keys());
    }

    /// How well the place of an edit is found at one level: the overlap of what is found with the true cells.
    ///
    /// @param blocks   of attention to the words that change, block by block
    /// @param velocity of the difference of the velocities under both prompts
    public record Places(double sigma, List<Double> blocks, double velocity) {}

    /// Looks for the place of an edit.
    ///
    /// @param edited the clip as it should become; where it differs from the clip is the true place
    /// @param from   words of the clip
    /// @param to     words of the edited clip
    public List<Places> places(Frames clip, Frames edited, String from, String to) {
        var fit = ClipFit.of(clip, model.geometry(), model.defaults(), Optional.empty());
        var truth = PixelMask.changed(clip, edited).latent(fit, model.geometry());
        var columns = VideoEditor.columns(model, Phrases.differing(from, to).source(), from);
        return looked(List.of(clip), List.of(from, to), (latents, branches) -> sigmas.stream().map(sigma -> Scope.run(() -> {
            var source = latents.getFirst();
            var task = task(source, branches.getFirst(), branches.getLast());
            var step = task.nearest(sigma);
            var mask = new AttentionMask(Set.of(), columns, columns, task.tokens(), SoftEdge.hard(), source.shape());
            var overlaps = new ArrayList<Double>();
            watch(task.from(), step.at().noisy(source, draws.noise(step.index(), 0, source)), step, (site, _) -> {
                if (site.kind() != AttentionTap.Kind.SELF) {
                    overlaps.add(mask.binarised(AttentionMask.phraseMaps(site, columns), source.size(1)).overlap(truth));
                }
            });
            return new Places(sigma, overlaps, new VelocityMask(List.of(sigma), 1, 0).find(task).overlap(truth));
        })).toList());
    }

    // ---------------------------------------------------------------- the network, watched

    private <T> T looked(List<Frames> clips, List<String> words, BiFunction<List<Tensor>, List<Branch>, T> look) {
        return Torch.withoutGradients(() -> {
            try (var _ = Scope.open()) {
                var features = model.features(words, ProgressListener.none());
                var d = model.defaults();
                var latents = clips.stream().map(clip -> model.latents(ClipFit.of(clip, model.geometry(), d, Optional.empty()).there(clip),
                        ProgressListener.none())).toList();
                var found = new ArrayList<T>();
                model.withNetwork(ProgressListener.none(), network -> {
                    found.add(look.apply(latents, features.stream()
                            .map(f -> (Branch) new VideoEditor.Prompted(form, network, f.to(DType.FLOAT32))).toList()));
                    return List.of();
                });
                return found.getFirst();
            }
        });
    }

    private EditTask task(Tensor source, Branch from, Branch to) {
        return new EditTask(source, form.plan(), from, to, from, TokenGrid.of(model.geometry()), WordMap.none(), false,
                Windows.one((int) source.size(1)), EditMask.everywhere(), draws, new EvaluationCounter(), Course.plain());
    }

    private static void watch(Branch branch, Tensor x, Step step, BiConsumer<AttentionTap.Site, Integer> see) {
        branch.velocity(x, step, Pass.watched(new AttentionTap() {
            @Override
            public boolean watches(int block) {
                return true;
            }

            @Override
            public void see(int block, Site site) {
                see.accept(site, block);
            }
        }));
    }
}
