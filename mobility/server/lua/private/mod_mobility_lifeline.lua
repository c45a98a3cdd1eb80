-- Ties this Prosody to the program that started it.
--
-- Standard input is a pipe whose other end that program holds. When it ends, however
-- it ends (SIGKILL included), the pipe reads end-of-file and Prosody stops, so that no
-- orphan keeps the ports. On standard output it hears our version first, and "ready"
-- once every port was opened.

module:set_global();

local server = require "net.server";

local function say(what)
	io.stdout:write("mobility: ", what, "\n");
	io.stdout:flush();
end

say("version " .. prosody.version);

module:hook("server-started", function ()
	say("ready");
end);

local stdin = 0;
local watch;
watch = server.watchfd(stdin, function ()
	-- Nothing is ever written to it: readable means that the other end is closed.
	watch:close();
	prosody.main_thread:run(function () -- shutdown waits for clients: only a thread may
		prosody.unlock_globals();
		prosody.shutdown("The program that started this server is gone");
		prosody.lock_globals();
	end);
end);

function module.unload()
	watch:close();
end
