package org.zoetrope.server;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.TestWatcher;

/// Tests of a class that go on where the one before has ended: after a failure the others are skipped, since they would
/// only wait, each as long as it may, for what cannot come any more.
final class Story implements TestWatcher, ExecutionCondition {
    private volatile String broken = "";

    @Override
    public void testFailed(ExtensionContext context, @Nullable Throwable cause) {
        broken = context.getDisplayName();
    }

    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
        return broken.isEmpty() ? ConditionEvaluationResult.enabled("so far all went well")
                : ConditionEvaluationResult.disabled(broken + " has failed");
    }
}
