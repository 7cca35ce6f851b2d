//go:build planted

package bot

import "os"

// mistake reports whether a mistake that others have made (reliability §1.2) is planted in this build,
// to see whether the tests find it: .ci/sanity. Nobody ships such a build.
func mistake(name string) bool { return os.Getenv("TIANGENG_PLANTED") == name }
