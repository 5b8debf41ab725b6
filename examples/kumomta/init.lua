-- KumoMTA: has each message wrapped as it is received, before it is signed. Put this into your policy (init.lua).
-- The key needs the grant messages/wrap alone.
-- NEVER RUN IN KUMOMTA: written from its reference, and tried with Lua 5.4 and stand-ins for KumoMTA's objects. Try it with your
-- version, with a message that is not UTF-8 and with Waypost stopped, before mail of yours goes through it.
local kumo = require 'kumo'

local WAYPOST_URL = 'http://127.0.0.1:8080'
local WAYPOST_API_KEY = assert(os.getenv 'WAYPOST_API_KEY', 'WAYPOST_API_KEY is not set')

local client = kumo.http.build_client { timeout = '10s' }

local function url_encode(text)
  return (text:gsub('[^%w%-%._~]', function(c)
    return string.format('%%%02X', c:byte())
  end))
end

-- Throws when Waypost does not answer, not with a message, or not with all of it.
local function wrap(msg)
  local request = client:post(WAYPOST_URL .. '/api/v1/wrap?rcpt_to=' .. url_encode(msg:recipient().email))
  request:header('Authorization', WAYPOST_API_KEY)
  request:header('Content-Type', 'message/rfc822')
  request:body(msg:get_data())
  local response = request:send()
  if not response:status_is_success() then
    error 'not wrapped'
  end
  -- As bytes: text() takes them for UTF-8, and would change mail that is not.
  return response:bytes()
end

kumo.on('smtp_server_message_received', function(msg)
  -- Tracking never holds up mail: what cannot be wrapped goes out as it came, and so does one message to many recipients
  -- (a batch), since each recipient has links of their own. No error is logged here: its text would have the address.
  local is_wrapped, data = pcall(wrap, msg)
  if is_wrapped then
    msg:set_data(data)
  end
  -- Sign with DKIM here, behind the wrapping.
end)
