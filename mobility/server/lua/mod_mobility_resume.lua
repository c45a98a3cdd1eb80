-- A resumed stream (XEP-0198) is read by its own parser.
--
-- WORKAROUND: Prosody 0.12.3. mod_smacks gives the old session the new connection, but
-- its `data` still feeds the parser of the old one. If the cut was in the middle of a
-- stanza, that parser takes everything that comes for the rest of it, until it is "too
-- big" and the session is destroyed.

module:hook("smacks-hibernation-end", function (event)
	if event.origin and event.resumed and event.origin.data then
		event.resumed.data = event.origin.data;
	end
end);
