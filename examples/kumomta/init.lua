-- KumoMTA: has each message wrapped as it is received, before it is signed. Put this into your policy (init.lua).
-- The key needs the grant messages/wrap alone. Not run by our tests: KumoMTA is no package of Debian's.
local kumo = require 'kumo'

local WAYPOST_URL = 'http://127.0.0.1:8080'
local WAYPOST_API_KEY = os.getenv 'WAYPOST_API_KEY'

local client = kumo.http.build_client { timeout = '10s' }

local function url_encode(text)
  return (text:gsub('[^%w%-%._~]', function(c)
    return string.format('%%%02X', c:byte())
  end))
end

kumo.on('smtp_server_message_received', function(msg)
  local url = WAYPOST_URL .. '/api/v1/wrap?rcpt_to=' .. url_encode(msg:recipient().email)
  local request = client:post(url)
  request:header('Authorization', WAYPOST_API_KEY)
  request:header('Content-Type', 'message/rfc822')
  request:body(msg:get_data())
  local ok, response = pcall(function()
    return request:send()
  end)
  -- Tracking never holds up mail: what cannot be wrapped goes out as it came.
  if ok and response:status_is_success() then
    msg:set_data(response:text())
  end
  -- Sign with DKIM here, behind the wrapping.
end)
