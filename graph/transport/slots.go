package transport

import "github.com/davitdev/davit/internal/fault"

// slots counts the sockets of each principal, and by address those of nobody: a
// proxy in front has one address for all. It is not safe for concurrent use.
type slots struct {
	principals, addresses map[string]int
}

// take makes room for one more socket, or says that there is none.
func (s *slots) take(l Limits, principal, address string) *fault.Error {
	if s.addresses == nil {
		s.principals, s.addresses = map[string]int{}, map[string]int{}
	}
	if principal == "" {
		if s.addresses[address] >= l.PerAddress {
			return fault.New(fault.TooManyRequests, "There are already %d sockets from this address that nobody has signed in on; close one first.", l.PerAddress)
		}
		s.addresses[address]++
		return nil
	}
	if s.principals[principal] >= l.PerPrincipal {
		return fault.New(fault.TooManyRequests, "You already have %d sockets; close one first.", l.PerPrincipal)
	}
	s.principals[principal]++
	return nil
}

func (s *slots) free(principal, address string) {
	if principal == "" {
		release(s.addresses, address)
		return
	}
	release(s.principals, principal)
}

// release takes one from m[key], and key with the last one.
func release(m map[string]int, key string) {
	if m[key]--; m[key] <= 0 {
		delete(m, key)
	}
}
