package bot

import (
	"context"
	"fmt"
)

// joinPage is how many receipts are matched in one transaction.
const joinPage = 500

// Join matches stored receipts with what was sent.
func (s *Service) Join(ctx context.Context) error {
	joined, err := s.o.Store.JoinReceipts(ctx, s.o.Now(), joinPage)
	if err != nil {
		return fmt.Errorf("joining receipts: %w", err)
	}
	if joined.Unmatched > 0 {
		s.o.Logger.Warn("receipts that fit no delivery", "count", joined.Unmatched)
	}
	return nil
}
