package builtins_test

import (
	"testing"

	"go.uber.org/goleak"
)

// No run leaves anything running, however it ended.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
