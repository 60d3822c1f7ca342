package main

import "testing"

func TestLinesThatAreMissingOrComeTwiceAreCounted(t *testing.T) {
	t.Parallel()

	f := &flooded{}
	if from, _, _ := f.next(1); from != 1 {
		t.Errorf("the first line is number %d", from)
	}
	_, some, whole := f.next(9)
	closed := func(c <-chan struct{}) bool {
		select {
		case <-c:
			return true
		default:
			return false
		}
	}
	for _, line := range []string{"listening on :8080", "line 1", "line 2", "line 3", "line 2", "line 4"} {
		f.take(line)
	}
	if closed(some) {
		t.Error("4 of 10 lines are said to be a third of the last 9")
	}
	f.take("line 7")
	if !closed(some) || closed(whole) {
		t.Error("7 of 10 lines are less than a third of the last 9, or all of them")
	}
	f.take("line 10")
	if f.lost != 4 || f.again != 1 || !closed(whole) {
		t.Errorf("%d lost, %d again; all read: %t", f.lost, f.again, closed(whole))
	}
}
