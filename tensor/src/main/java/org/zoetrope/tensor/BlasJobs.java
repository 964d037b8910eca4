package org.zoetrope.tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.util.concurrent.locks.ReentrantLock;

/// Lets the threads that libtorch works with, OpenMP's, do the jobs that OpenBLAS divides a product into.
///
/// OpenBLAS would start threads of its own. After a product they look for the next one for some ten milliseconds without rest, as
/// OpenMP's do after an operation; with as many of each as there are cores, what has work waits for what has none. Of one kind
/// there are as many threads as cores.
///
/// OpenBLAS calls back with the address of a function and an array of jobs. Jobs wait for each other on the way, so all must run
/// at once: in OpenMP's threads, or, where the caller is one of these already and OpenMP would give it no others, in threads of
/// ours. What a job packs its factors into goes by its place in the array, so products that several threads begin come one after
/// the other.
final class BlasJobs {
    private static final FunctionDescriptor JOB = FunctionDescriptor.ofVoid(ValueLayout.JAVA_INT, ValueLayout.ADDRESS,
            ValueLayout.JAVA_INT);
    private static final FunctionDescriptor CALLBACK = FunctionDescriptor.ofVoid(ValueLayout.JAVA_INT, ValueLayout.ADDRESS,
            ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG, ValueLayout.ADDRESS, ValueLayout.JAVA_INT);
    private static final FunctionDescriptor MEMBER = FunctionDescriptor.ofVoid(ValueLayout.ADDRESS);
    private static final FunctionDescriptor COUNT = FunctionDescriptor.of(ValueLayout.JAVA_INT);

    // What a member of OpenMP's team is given: where the function is, where the jobs are and how large, and what to hand on.
    private static final MemoryLayout ORDER = MemoryLayout.structLayout(ValueLayout.ADDRESS, ValueLayout.ADDRESS,
            ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG);

    private static final MethodHandle RUN_JOB = Linker.nativeLinker().downcallHandle(JOB);

    private static volatile boolean joined;

    private final ReentrantLock product = new ReentrantLock();
    private final MethodHandle parallel;
    private final MethodHandle threadNumber;
    private final MethodHandle inParallel;
    private final MethodHandle mayBeFewer;
    private final MethodHandle limit;
    private final MemorySegment member;

    private BlasJobs(MethodHandle parallel, MethodHandle threadNumber, MethodHandle inParallel, MethodHandle mayBeFewer,
            MethodHandle limit) {
        this.parallel = parallel;
        this.threadNumber = threadNumber;
        this.inParallel = inParallel;
        this.mayBeFewer = mayBeFewer;
        this.limit = limit;
        member = stub("member", MEMBER);
    }

    /// Hands OpenBLAS's jobs to OpenMP from now on, if both libraries have what it takes; otherwise nothing changes.
    static void join() {
        var register = NativeFunction.find("openblas_set_threads_callback_function", FunctionDescriptor.ofVoid(ValueLayout.ADDRESS));
        var parallel = NativeFunction.find("GOMP_parallel", FunctionDescriptor.ofVoid(ValueLayout.ADDRESS, ValueLayout.ADDRESS,
                ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
        var threadNumber = NativeFunction.find("omp_get_thread_num", COUNT);
        var inParallel = NativeFunction.find("omp_in_parallel", COUNT);
        var mayBeFewer = NativeFunction.find("omp_get_dynamic", COUNT);
        var limit = NativeFunction.find("omp_get_thread_limit", COUNT);
        if (register.isEmpty() || parallel.isEmpty() || threadNumber.isEmpty() || inParallel.isEmpty() || mayBeFewer.isEmpty()
                || limit.isEmpty()) {
            return;
        }
        var jobs = new BlasJobs(parallel.get(), threadNumber.get(), inParallel.get(), mayBeFewer.get(), limit.get());
        try {
            register.get().invokeExact(jobs.stub("callback", CALLBACK));
        } catch (Throwable e) {
            throw new IllegalStateException("OpenBLAS did not take threads", e);
        }
        joined = true;
    }

    /// Whether OpenMP's threads do OpenBLAS's jobs in this process.
    static boolean areJoined() {
        Torch.load();
        return joined;
    }

    // Called by OpenBLAS, which lets no exception through: whatever is thrown here ends the process with its trace.
    private void callback(int sync, MemorySegment job, int count, long size, MemorySegment jobs, int more) throws Throwable {
        product.lock();
        try {
            share(job, count, size, jobs, more);
        } finally {
            product.unlock();
        }
    }

    private void share(MemorySegment job, int count, long size, MemorySegment jobs, int more) throws Throwable {
        if (canHaveTeam(count)) {
            try (var arena = Arena.ofConfined()) {
                var order = arena.allocate(ORDER);
                order.set(ValueLayout.ADDRESS, 0, job);
                order.set(ValueLayout.ADDRESS, 8, jobs);
                order.set(ValueLayout.JAVA_LONG, 16, size);
                order.set(ValueLayout.JAVA_LONG, 24, more);
                parallel.invokeExact(member, order, count, 0);
            }
        } else {
            Team.together(count, index -> run(job, index, MemorySegment.ofAddress(jobs.address() + index * size), more));
        }
    }

    private boolean canHaveTeam(int count) throws Throwable {
        return (int) inParallel.invokeExact() == 0 && (int) mayBeFewer.invokeExact() == 0 && (int) limit.invokeExact() >= count;
    }

    // Called by OpenMP in each thread of a team.
    private void member(MemorySegment address) throws Throwable {
        var order = address.reinterpret(ORDER.byteSize());
        var index = (int) threadNumber.invokeExact();
        var at = order.get(ValueLayout.ADDRESS, 8).address() + index * order.get(ValueLayout.JAVA_LONG, 16);
        run(order.get(ValueLayout.ADDRESS, 0), index, MemorySegment.ofAddress(at), (int) order.get(ValueLayout.JAVA_LONG, 24));
    }

    private static void run(MemorySegment job, int index, MemorySegment jobs, int more) {
        try {
            RUN_JOB.invokeExact(job, index, jobs, more);
        } catch (Throwable e) {
            throw new IllegalStateException("OpenBLAS's job %d did not run".formatted(index), e);
        }
    }

    private MemorySegment stub(String name, FunctionDescriptor type) {
        try {
            var method = MethodHandles.lookup().bind(this, name, type.toMethodType());
            return Linker.nativeLinker().upcallStub(method, type, Arena.global());
        } catch (NoSuchMethodException | IllegalAccessException e) {
            throw new LinkageError("no method " + name, e);
        }
    }
}
