package org.zoetrope.tools;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.util.Objects;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.zoetrope.tensor.Scope;

/// Every test of the class runs in a scope of its own, open before `@BeforeEach` and closed after `@AfterEach`.
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(InScope.PerTest.class)
public @interface InScope {
    /// Opens and closes.
    final class PerTest implements BeforeEachCallback, AfterEachCallback {
        private static final Namespace HERE = Namespace.create(PerTest.class);

        @Override
        public void beforeEach(ExtensionContext test) {
            test.getStore(HERE).put(Scope.class, Scope.open());
        }

        @Override
        public void afterEach(ExtensionContext test) {
            Objects.requireNonNull(test.getStore(HERE).remove(Scope.class, Scope.class)).close();
        }
    }
}
