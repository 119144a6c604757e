package pipeline

// Forget takes the oldest message out of the queue, as the loop does.
func (c *Conversation) Forget() { unwrap(<-c.inbox) }
