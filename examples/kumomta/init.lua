-- KumoMTA: has each message wrapped as it is received, before it is signed. Put this into your policy (init.lua).
-- The key needs the grant messages/wrap alone. KumoMTA 2024.06.10 or newer, which knows the client's timeout.
-- NEVER RUN IN KUMOMTA: written from its reference, and run by Lua 5.4 with stand-ins for KumoMTA's objects. Try it with your
-- version, with a message that is not UTF-8 and with Waypost stopped, before mail of yours goes through it.
local kumo = require 'kumo'

local WAYPOST_URL = 'http://127.0.0.1:8080'
local WAYPOST_API_KEY = assert(os.getenv 'WAYPOST_API_KEY', 'WAYPOST_API_KEY is not set')

-- Who sends to many recipients at once waits for all of them, one after another: with a Waypost that hangs, this times their
-- number must stay below the listener's data_processing_timeout (5 minutes) and below what the sending program waits.
local client = kumo.http.build_client { timeout = '5s' }

-- Throws when Waypost does not answer, not with a message, or not with all of it. And, as KumoMTA's request takes text only, when
-- the message is not UTF-8 (8-bit content in another character set): that one goes out as it came.
local function wrap(msg)
  local url = kumo.http.build_url(WAYPOST_URL .. '/api/v1/wrap', { rcpt_to = msg:recipient().email })
  local request = client:post(url)
  request:header('Authorization', WAYPOST_API_KEY)
  request:header('Content-Type', 'message/rfc822')
  request:body(msg:get_data())
  local response = request:send()
  if not response:status_is_success() then
    error 'not wrapped'
  end
  -- As bytes: text() would decode them.
  return response:bytes()
end

local function track(msg)
  -- Tracking never holds up mail: what cannot be wrapped goes out as it came, and so does one message to many recipients
  -- (a batch), since each recipient has links of their own. No error is logged here: its text would have the address.
  local is_wrapped, data = pcall(wrap, msg)
  if is_wrapped then
    msg:set_data(data)
  end
  -- Sign with DKIM here, behind the wrapping.
end

-- What you receive, such as bounces and complaints, comes by here too: don't give track() what is for your own domains.
kumo.on('smtp_server_message_received', track)
-- Mail that comes by KumoMTA's HTTP API.
kumo.on('http_message_generated', track)
